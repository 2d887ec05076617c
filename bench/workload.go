//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// workload is one kind of change, made again and again.
type workload struct {
	name, about string
	// begin makes the input in a folder of the device; next changes it to what the round wants. Round 0 finds the
	// systems' folders empty and warms up.
	begin func(ctx context.Context, dir string) (*input, error)
	next  func(in *input, round int) error
	// fresh says that what the last round has made is removed before the next.
	fresh bool
	// at least or at most so many rounds, if not 0
	minRuns, maxRuns int
	files            int // of 4 KiB, where it is a point of the plots
	// special runs a workload that is no series of rounds.
	special func(ctx context.Context, b *bench, w *workload) error
}

func (w *workload) id() string { return w.name }

// runs returns how many rounds are counted.
func (w *workload) runs(asked int) int {
	n := max(asked, w.minRuns)
	if w.maxRuns > 0 {
		n = min(n, w.maxRuns)
	}
	return n
}

func workloads() []*workload {
	one := replace(1)
	one.minRuns = 50 // it is short, and its median is asked for
	return []*workload{
		one, replace(5), replace(20), replace(100), replace(1000), replace(10000),
		replaceSize(1000, 64<<10), oneLarge(), steady(50), writers(16, 10),
		changedTree(1000),
		{
			name: "tree-fresh", about: "the Go source tree comes into place, where nothing was",
			begin: goTree, next: unchanged, fresh: true,
		},
		{
			name: "tree-unchanged", about: "the Go source tree is published again, and nothing has changed",
			begin: goTree, next: unchanged,
		},
		{
			name: "tree-1%", about: "the Go source tree is published again, and every 100th file has other content",
			begin: goTree, next: changeSome,
		},
		{name: "memory", about: "peak memory (Maxrss) of whole `txcommit apply` processes", special: measureMemory},
		{
			name: "recover-10000", about: "`txcommit apply` of 10,000 files is killed while it applies, then txn.Recover",
			special: measureRecovery,
		},
	}
}

// replace is N files of 4 KiB, all with other content than before.
func replace(n int) *workload {
	w := replaceSize(n, blockSize)
	w.name, w.files = fmt.Sprintf("replace-%d", n), n
	return w
}

func replaceSize(n, size int) *workload {
	return &workload{
		name:  fmt.Sprintf("replace-%dx%dKiB", n, size>>10),
		about: fmt.Sprintf("%s of %d KiB in %s replaced", count(n, "file"), size>>10, count(min(n, maxFolders), "folder")),
		begin: func(_ context.Context, dir string) (*input, error) { return newInput(dir, n) },
		next:  func(in *input, round int) error { return in.fill(round, size) },
	}
}

const filesPerCommit = 5

func steady(commits int) *workload {
	return &workload{
		name: fmt.Sprintf("steady-%d", filesPerCommit),
		about: fmt.Sprintf("%s in a row, each of %s of 4 KiB in as many folders; all figures are those of one commit",
			count(commits, "commit"), count(filesPerCommit, "file")),
		begin: func(_ context.Context, dir string) (*input, error) { return newLanes(dir, 1, commits, filesPerCommit) },
		next:  func(in *input, round int) error { return in.fillLanes(round, blockSize) },
	}
}

func writers(n, commits int) *workload {
	return &workload{
		name: fmt.Sprintf("writers-%d", n),
		about: fmt.Sprintf("%s at once, each with %s in a row, each of %s of 4 KiB in as many folders of its own; all figures are those of one commit",
			count(n, "writer"), count(commits, "commit"), count(filesPerCommit, "file")),
		begin: func(_ context.Context, dir string) (*input, error) { return newLanes(dir, n, commits, filesPerCommit) },
		next:  func(in *input, round int) error { return in.fillLanes(round, blockSize) },
	}
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

const largeSize = 1 << 30

func oneLarge() *workload {
	return &workload{
		name: "replace-1GiB", about: "1 file of 1 GiB is replaced",
		begin: func(_ context.Context, dir string) (*input, error) {
			in, err := newInput(dir, 1)
			if err == nil {
				in.large = true
			}
			return in, err
		},
		next:    func(in *input, round int) error { return in.fillLarge(round, largeSize) },
		maxRuns: 3,
	}
}

// goTree copies the source of the Go installation: a real tree, and everybody has it.
func goTree(ctx context.Context, dir string) (*input, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	in := &input{dir: filepath.Join(dir, "new"), at: "tree"}
	src := filepath.Join(strings.TrimSpace(string(root)), "src")
	if err := command(ctx, "cp", "-rT", src, in.dir); err != nil {
		return nil, err
	}
	all, err := regularFiles(in.dir)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(all); i += 100 {
		in.files = append(in.files, all[i])
	}
	return in, nil
}

// changedTree is N files of 4 KiB that are published as one tree, all with other content than before.
func changedTree(n int) *workload {
	return &workload{
		name:  fmt.Sprintf("tree-%d", n),
		about: fmt.Sprintf("a tree of %s of 4 KiB in %s is published again, and all have other content", count(n, "file"), count(min(n, maxFolders), "folder")),
		begin: func(_ context.Context, dir string) (*input, error) {
			in, err := newInput(dir, n)
			if err == nil {
				in.at, in.manifest = "tree", ""
			}
			return in, err
		},
		next: func(in *input, round int) error {
			err := in.fill(round, blockSize)
			in.data = nil // of a tree everybody reads the files
			return err
		},
	}
}

func unchanged(*input, int) error { return nil }

// changeSome gives some files a last line of their own, of the same length each time.
func changeSome(in *input, round int) error {
	const line = "// round %06d\n"
	last := len(fmt.Sprintf(line, 0))
	for _, name := range in.files {
		p := filepath.Join(in.dir, name)
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if round > 0 {
			b = b[:len(b)-last]
		}
		if err := os.WriteFile(p, fmt.Appendf(b, line, round), 0o666); err != nil {
			return err
		}
	}
	return nil
}
