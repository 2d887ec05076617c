package txn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/txcommit/txcommit/internal/fsys"
)

// Every index is done exactly once, whatever the ratio of jobs to work.
func TestParallelAll(t *testing.T) {
	for _, tt := range []struct{ jobs, n int }{{1, 0}, {4, 0}, {1, 1}, {4, 1}, {1, 5}, {3, 1000}, {100, 7}} {
		done := make([]atomic.Int32, tt.n)
		err := parallel(t.Context(), tt.jobs, tt.n, func(i int) error { done[i].Add(1); return nil })
		if err != nil {
			t.Errorf("jobs %d, n %d: got error %v", tt.jobs, tt.n, err)
		}
		for i := range done {
			if got := done[i].Load(); got != 1 {
				t.Errorf("jobs %d, n %d: did %d %d times, want once", tt.jobs, tt.n, i, got)
			}
		}
	}
}

// The first failure is what is returned, and nothing new is begun after it.
func TestParallelStops(t *testing.T) {
	failure := errors.New("failure")
	var last int
	err := parallel(t.Context(), 1, 100, func(i int) error {
		last = i
		if i == 3 {
			return failure
		}
		return nil
	})
	if err != failure || last != 3 {
		t.Errorf("got error %v after %d, want %v after 3", err, last, failure)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = parallel(ctx, 1, 100, func(i int) error {
		if last = i; i == 5 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || last != 5 {
		t.Errorf("cancelled: got error %v after %d, want %v after 5", err, last, context.Canceled)
	}
}

// Contents are equal if they are the same bytes and of the size, at each side of the border of a buffer; a side that ends
// too soon or too late makes them different, a side that cannot be read is an error.
func TestSameBytes(t *testing.T) {
	const buffer = 32 << 10
	for _, size := range []int{0, 1, buffer - 1, buffer, buffer + 1, 3*buffer + 7} {
		a := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
		for _, at := range []int{0, size / 2, size - 1} {
			if at < 0 || at >= size {
				continue
			}
			b := slices.Clone(a)
			b[at] ^= 1
			checkSame(t, a, b, int64(size), false)
		}
		checkSame(t, a, slices.Clone(a), int64(size), true)
		if size > 0 {
			checkSame(t, a, a[:size-1], int64(size), false)
			checkSame(t, a[:size-1], a, int64(size), false)
		}
		longer := append(slices.Clone(a), 'x')
		checkSame(t, longer, slices.Clone(longer), int64(size), false)
		checkSame(t, a, longer, int64(size), false)
		checkSame(t, longer, a, int64(size), false)
	}
	failure := errors.New("failure")
	if same, err := sameBytes(t.Context(), bytes.NewReader([]byte("ab")), iotest.ErrReader(failure), 2); same || err != failure {
		t.Errorf("unreadable: got %v and error %v, want false and %v", same, err, failure)
	}
}

func checkSame(t *testing.T, a, b []byte, size int64, want bool) {
	t.Helper()
	var second io.Reader = bytes.NewReader(b)
	if int64(len(b)) <= size { // a longer one shows that by not stopping there
		second = iotest.HalfReader(second)
	}
	got, err := sameBytes(t.Context(), bytes.NewReader(a), second, size)
	if err != nil || got != want {
		t.Errorf("sizes %d and %d, first %d bytes: got %v and error %v, want %v", len(a), len(b), size, got, err, want)
	}
}

// An error of a read names what was read, as the user knows it.
func TestCompareNamesWhatItReads(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := fsys.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	_, err = content{text: "x"}.compare(t.Context(), root, "folder") // it can be opened, and not be read
	if pe, ok := errors.AsType[*fs.PathError](err); !ok || pe.Path != "folder" {
		t.Errorf("got %v, want an error with the path", err)
	}
}
