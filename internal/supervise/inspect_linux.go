//go:build amd64 || arm64

package supervise

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A thread is a thread of the target, blocked in a call, by its id. Everything
// about it is best effort: it may be killed at any time.
type thread int

// counts reports whether a watched call counts, as far as that depends on its
// arguments. What cannot be found out counts.
func (o Options) counts(t thread, w watched, args [6]uint64) bool {
	if i := w.arg('w'); i >= 0 {
		return t.keeps(args[i])
	}
	if i := w.arg('c'); i >= 0 {
		return changesByIoctl(args[i])
	}
	if i := w.arg('h'); i >= 0 && !o.All {
		how, ok := t.read(args[i], 8)
		return !ok || binary.LittleEndian.Uint64(how)&(unix.O_CREAT|unix.O_TRUNC) != 0
	}
	return true
}

// keeps reports whether data written to a descriptor may survive a crash.
func (t thread) keeps(fd uint64) bool {
	if uint32(fd) <= 2 {
		return false
	}
	link := t.link(fd)
	for _, prefix := range []string{"pipe:", "socket:", "anon_inode:", "/memfd:"} {
		if strings.HasPrefix(link, prefix) {
			return false
		}
	}
	return true
}

// describe returns the link of the first descriptor and the paths of a call.
func (t thread) describe(w watched, args [6]uint64) (fd, path string) {
	if i := strings.IndexAny(w.shape, "fw"); i >= 0 {
		fd = t.link(args[i])
	}
	var paths []string
	for i, kind := range w.shape {
		if kind == 'p' {
			paths = append(paths, t.readString(args[i]))
		}
	}
	return fd, strings.Join(paths, " -> ")
}

// link returns where a descriptor points, or "".
func (t thread) link(fd uint64) string {
	n := int32(uint32(fd)) // the kernel looks at the low half only
	if n < 0 {             // AT_FDCWD, or invalid
		return ""
	}
	link, err := os.Readlink("/proc/" + strconv.Itoa(int(t)) + "/fd/" + strconv.Itoa(int(n)))
	if err != nil {
		return ""
	}
	return link
}

// chunk divides every page size, so that a read that stays within a multiple
// of it succeeds or fails as a whole.
const chunk = 4096

// readString returns the C string at addr, or as much of it as can be read.
func (t thread) readString(addr uint64) string {
	var s []byte
	for len(s) < unix.PathMax {
		part, ok := t.read(addr, chunk-int(addr%chunk))
		if !ok {
			break
		}
		if end := bytes.IndexByte(part, 0); end >= 0 {
			return string(append(s, part[:end]...))
		}
		s = append(s, part...)
		addr += uint64(len(part))
	}
	return string(s)
}

// read returns n bytes of the target's memory.
func (t thread) read(addr uint64, n int) (b []byte, ok bool) {
	b = make([]byte, n)
	local := []unix.Iovec{{Base: unsafe.SliceData(b)}}
	local[0].SetLen(n)
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: n}}
	got, err := unix.ProcessVMReadv(int(t), local, remote, 0)
	return b, err == nil && got == n
}
