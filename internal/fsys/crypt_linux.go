package fsys

import "golang.org/x/sys/unix"

// EncryptionPolicy is what the names and files in d are encrypted by (fscrypt); empty where they are not. The kernel lets
// nothing into a folder that is encrypted by another policy than its own (Documentation/filesystems/fscrypt.rst).
func (d *Dir) EncryptionPolicy() (string, error) {
	i, err := d.Self()
	if err != nil || !i.Encrypted {
		return "", err
	}
	arg := unix.FscryptGetPolicyExArg{Size: uint64(len(unix.FscryptGetPolicyExArg{}.Policy))}
	err = again(func() error { return ioctl(d.fd(), unix.FS_IOC_GET_ENCRYPTION_POLICY_EX, &arg) })
	return string(arg.Policy[:]), err
}
