//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// measuredEnv is set in a copy of this process that starts one command and tells its peak memory.
const measuredEnv = "TXCOMMIT_BENCH_MEASURED"

// peak is what the copy tells, in KiB.
type peak struct{ Peak, Own int64 }

// measured does the work of that copy. It says whether this process is one; then there is nothing else to do.
//
// A process counts as its own peak what the one that started it held in memory at that moment (fork and exec share it:
// Linux, fs/exec.c, exec_mmap). A small process in between makes that harmless.
func measured() bool {
	if os.Getenv(measuredEnv) == "" {
		return false
	}
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p := peak{Peak: cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss, Own: ownPeak()}
	if err := json.NewEncoder(os.Stdout).Encode(p); err != nil {
		os.Exit(1)
	}
	return true
}

// ownPeak is the peak of this process's present program, in KiB.
func ownPeak() (kib int64) {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d", &kib); err == nil {
			break
		}
	}
	return kib
}

// peakMemory runs a command and returns its peak memory in bytes; 0 if it is so small that it hides below that of the
// process that measures it. Then a difference to it is told as larger than it is, not as smaller.
func peakMemory(ctx context.Context, args ...string) (int64, error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), measuredEnv+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(args, " "), errors.Join(ctx.Err(), err))
	}
	var p peak
	if err := json.Unmarshal(out, &p); err != nil {
		return 0, err
	}
	if p.Peak <= p.Own {
		return 0, nil
	}
	return p.Peak << 10, nil
}

// manyOps is the size of the large manifest.
const manyOps = 100_000

// peaks are the peak memories of whole applies, in bytes.
type peaks struct{ small, large, many int64 }

// measurePeaks applies a manifest of one small file, of one of 1 GiB, and of 100,000, which it then changes and repeats.
func measurePeaks(ctx context.Context, cli, dir string) (p peaks, err error) {
	store := filepath.Join(dir, "store")
	if err := os.Mkdir(store, 0o777); err != nil {
		return p, err
	}
	apply := func(manifest string) (int64, error) {
		return peakMemory(ctx, cli, "apply", "-q", "-C", store, manifest)
	}
	in, err := newInput(dir, 1)
	if err != nil {
		return p, err
	}
	for round := range 3 {
		if err := in.fill(round, blockSize); err != nil {
			return p, err
		}
		n, err := apply(in.manifest)
		if err != nil {
			return p, err
		}
		p.small = max(p.small, n)
	}
	if err := in.fillLarge(0, largeSize); err != nil {
		return p, err
	}
	if p.large, err = apply(in.manifest); err != nil {
		return p, err
	}
	for _, version := range []string{"first", "second", "second"} { // all is new, then changed, then unchanged
		many, err := manyManifest(dir, version)
		if err != nil {
			return p, err
		}
		n, err := apply(many)
		if err != nil {
			return p, err
		}
		p.many = max(p.many, n)
	}
	return p, nil
}

// manyManifest writes a manifest of 100,000 small files in 1,000 folders.
func manyManifest(dir, version string) (string, error) {
	path := filepath.Join(dir, "many.json")
	var b strings.Builder
	b.WriteString(`{"version": 1, "ops": [`)
	for i := range manyOps {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"op": "write", "path": "many/d%03d/f%05d", "content": "%s line of file %d\n"}`, i%1000, i, version, i)
	}
	b.WriteString("]}\n")
	return path, os.WriteFile(path, []byte(b.String()), 0o666)
}

func measureMemory(ctx context.Context, b *bench, w *workload) error {
	return b.scratch(w, func(dir string) error {
		p, err := measurePeaks(ctx, b.cli, dir)
		if err != nil {
			return err
		}
		b.report.note(b.device, w, "one file of 4 KiB: %s (0: not more than the process that measures it)", mib(p.small))
		b.report.note(b.device, w, "one file of 1 GiB: %s, a difference of %s", mib(p.large), mib(p.large-p.small))
		b.report.note(b.device, w, "%d ops in one manifest: %s, %d bytes an op over the first", manyOps, mib(p.many), (p.many-p.small)/manyOps)
		return nil
	})
}
