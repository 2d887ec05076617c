package workload

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ActKind is what a foreign program does.
type ActKind string

// The acts. Each changes one path, atomically also across a power cut, and makes it durable before it ends.
const (
	Replace ActKind = "replace" // renames a new file over the old one
	Edit    ActKind = "edit"    // overwrites the first bytes in place
	Delete  ActKind = "delete"
	Chmod   ActKind = "chmod"
	Relink  ActKind = "relink" // puts a symbolic link in the place of the file
)

// Act is what a program does that knows nothing of transactions.
type Act struct {
	Kind ActKind
	Path string
	Text string // the new content, the bytes written in place, or the target of the link
	Mode uint32
}

// String is the act on one line.
func (a *Act) String() string { return fmt.Sprintf("%s %s", a.Kind, a.Path) }

// editLimit is how much an edit in place may write to be atomic: one sector.
const editLimit = 512

// Do does the act in the workload's folder dir.
func (a *Act) Do(dir string) error {
	at := filepath.Join(Root(dir), a.Path)
	temp := filepath.Join(dir, "foreign")
	switch a.Kind {
	case Replace:
		if err := writeSynced(temp, os.O_CREATE|os.O_EXCL, a.Text, a.Mode); err != nil {
			return err
		}
		return rename(temp, at)
	case Relink:
		if err := os.Symlink(a.Text, temp); err != nil {
			return err
		}
		return rename(temp, at)
	case Edit:
		return writeSynced(at, 0, a.Text, a.Mode)
	case Delete:
		if err := os.Remove(at); err != nil {
			return err
		}
		return syncAt(filepath.Dir(at))
	case Chmod:
		if err := unix.Chmod(at, a.Mode); err != nil {
			return err
		}
		return syncAt(at)
	}
	return fmt.Errorf("act %q is unknown", a.Kind)
}

func writeSynced(at string, flags int, text string, mode uint32) error {
	f, err := os.OpenFile(at, os.O_WRONLY|flags, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write([]byte(text)); err != nil {
		return err
	}
	if flags != 0 {
		if err := unix.Fchmod(int(f.Fd()), mode); err != nil {
			return err
		}
	}
	return f.Sync()
}

// rename syncs both folders before and after: the name of the temporary file must not come back beside the new one as
// something that nobody has asked for.
func rename(from, to string) error {
	if err := syncAt(filepath.Dir(from)); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if err := syncAt(filepath.Dir(to)); err != nil {
		return err
	}
	return syncAt(filepath.Dir(from))
}

func syncAt(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
