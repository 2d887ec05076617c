package fsys

import "os"

// Windows lacks what the protocol is made of: a rename that takes effect as a whole across a crash, inode numbers with
// birth times through one call, sync of a folder, a lock that ends with its process and is seen by all of them. So no
// folder can be opened here: OpenDir says ErrUnsupported, and everything else exists for the compiler only.

// Dir is an open folder. There is none here.
type Dir struct{}

// Xattr is one extended attribute. There are none here.
type Xattr struct {
	Name  string
	Value []byte
}

// Heritage is what a folder hands down to what is made in it.
type Heritage struct {
	GID        uint32
	Group      bool
	SetGID     bool
	DefaultACL []byte
	Project    uint32
	Folds      bool
}

// OpenFile opens a file at an operating system path for reading.
func OpenFile(path string) (*os.File, error) { return os.Open(path) }

// OpenRoot opens a folder for package os.
func OpenRoot(path string) (*os.Root, error) { return os.OpenRoot(path) }

// OpenDir is missing here: ErrUnsupported.
func OpenDir(string) (*Dir, error) { return nil, ErrUnsupported }

// Sub is missing here: ErrUnsupported.
func (*Dir) Sub(string) (*Dir, error) { return nil, ErrUnsupported }

// Beneath is missing here: ErrUnsupported.
func (*Dir) Beneath(string) (*Dir, error) { return nil, ErrUnsupported }

// Close does nothing here.
func (*Dir) Close() error { return nil }

// Handle is missing here.
func (*Dir) Handle() *os.File { return nil }

// Stat is missing here: ErrUnsupported.
func (*Dir) Stat(string) (Info, error) { return Info{}, ErrUnsupported }

// StatBeneath is missing here: ErrUnsupported.
func (*Dir) StatBeneath(string) (Info, error) { return Info{}, ErrUnsupported }

// Self is missing here: ErrUnsupported.
func (*Dir) Self() (Info, error) { return Info{}, ErrUnsupported }

// Volume is missing here: ErrUnsupported.
func (*Dir) Volume() (Volume, error) { return Volume{}, ErrUnsupported }

// Names is missing here: ErrUnsupported.
func (*Dir) Names() ([]string, error) { return nil, ErrUnsupported }

// ReadLink is missing here: ErrUnsupported.
func (*Dir) ReadLink(string) (string, error) { return "", ErrUnsupported }

// Create is missing here: ErrUnsupported.
func (*Dir) Create(string, uint32) (*os.File, error) { return nil, ErrUnsupported }

// OpenOrCreate is missing here: ErrUnsupported.
func (*Dir) OpenOrCreate(string, uint32) (*os.File, error) { return nil, ErrUnsupported }

// Open is missing here: ErrUnsupported.
func (*Dir) Open(string) (*os.File, error) { return nil, ErrUnsupported }

// OpenBeneath is missing here: ErrUnsupported.
func (*Dir) OpenBeneath(string) (*os.File, error) { return nil, ErrUnsupported }

// Mkdir is missing here: ErrUnsupported.
func (*Dir) Mkdir(string, uint32) error { return ErrUnsupported }

// Symlink is missing here: ErrUnsupported.
func (*Dir) Symlink(_, _ string) error { return ErrUnsupported }

// Link is missing here: ErrUnsupported.
func (*Dir) Link(string, *Dir, string) error { return ErrUnsupported }

// Rename is missing here: ErrUnsupported.
func (*Dir) Rename(string, *Dir, string) error { return ErrUnsupported }

// RenameNoReplace is missing here: ErrUnsupported.
func (*Dir) RenameNoReplace(string, *Dir, string) error { return ErrUnsupported }

// Exchange is missing here: ErrUnsupported.
func (*Dir) Exchange(string, *Dir, string) error { return ErrUnsupported }

// Unlink is missing here: ErrUnsupported.
func (*Dir) Unlink(string) error { return ErrUnsupported }

// Rmdir is missing here: ErrUnsupported.
func (*Dir) Rmdir(string) error { return ErrUnsupported }

// RemoveAll is missing here: ErrUnsupported.
func (*Dir) RemoveAll(string) error { return ErrUnsupported }

// Chmod is missing here: ErrUnsupported.
func (*Dir) Chmod(string, ID, uint32) error { return ErrUnsupported }

// Chown is missing here: ErrUnsupported.
func (*Dir) Chown(string, uint32, uint32) error { return ErrUnsupported }

// SetMtime is missing here: ErrUnsupported.
func (*Dir) SetMtime(string, int64) error { return ErrUnsupported }

// Private is missing here: ErrUnsupported.
func (*Dir) Private() error { return ErrUnsupported }

// Writable is missing here: ErrUnsupported.
func (*Dir) Writable() error { return ErrUnsupported }

// Xattrs is missing here: ErrUnsupported.
func (*Dir) Xattrs(string) ([]Xattr, error) { return nil, ErrUnsupported }

// FileXattrs is missing here: ErrUnsupported.
func FileXattrs(*os.File) ([]Xattr, error) { return nil, ErrUnsupported }

// Heritage is missing here: ErrUnsupported.
func (*Dir) Heritage(Info) (Heritage, error) { return Heritage{}, ErrUnsupported }

// Sync is missing here: ErrUnsupported.
func (*Dir) Sync() error { return ErrUnsupported }

// SyncFS is missing here: ErrUnsupported.
func (*Dir) SyncFS() error { return ErrUnsupported }

// TryLock is missing here: ErrUnsupported.
func TryLock(*os.File, bool) (bool, error) { return false, ErrUnsupported }

// StatFile is missing here: ErrUnsupported.
func StatFile(*os.File) (Info, error) { return Info{}, ErrUnsupported }

// SyncFile makes the content and the size of an open file durable.
func SyncFile(f *os.File) error { return f.Sync() }

// SetXattr is missing here: ErrUnsupported.
func SetXattr(*os.File, Xattr) error { return ErrUnsupported }

// ChmodFile is missing here: ErrUnsupported.
func ChmodFile(*os.File, uint32) error { return ErrUnsupported }

// ChownFile is missing here: ErrUnsupported.
func ChownFile(_ *os.File, _, _ uint32) error { return ErrUnsupported }

// Inherit is missing here: ErrUnsupported.
func Inherit(*os.File, Heritage, uint32, bool) error { return ErrUnsupported }

// OpenForWriting is not known here.
func OpenForWriting(*os.File) bool { return false }

// StartWrite does nothing here.
func StartWrite(*os.File) {}

// WaitWrite does nothing here.
func WaitWrite(*os.File) error { return nil }

// Allocate is missing here: ErrUnsupported.
func Allocate(*os.File, int64) error { return ErrUnsupported }

// DirtyBytes is unknown here.
func DirtyBytes() int64 { return 0 }

// BootID is unknown here.
func BootID() string { return "" }
