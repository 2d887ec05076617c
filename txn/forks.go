package txn

import (
	"time"

	"github.com/txcommit/txcommit/internal/fsys"
)

// awaitForks returns when no child that this process has forked while a program was being staged still holds it open for
// writing, as each does until its exec: the program would be "text file busy" once it is committed
// (https://go.dev/issue/22315). syscall.ForkLock alone does not do: the kernel lets the parent of a vfork go on before it
// closes what the child has inherited.
func (s *stage) awaitForks(w *want) {
	st := s.find(w)
	if st == nil || st.mode&0o111 == 0 {
		return
	}
	in, at := s.where(st.at())
	f, err := in.Open(at)
	if err != nil {
		return
	}
	defer f.Close()
	for range 1000 { // should somebody else keep it open, it is his program
		if !fsys.OpenForWriting(f) {
			return
		}
		time.Sleep(100 * time.Microsecond)
	}
}
