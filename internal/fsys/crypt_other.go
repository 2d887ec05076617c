//go:build !linux

package fsys

// EncryptionPolicy is empty here.
func (*Dir) EncryptionPolicy() (string, error) { return "", nil }
