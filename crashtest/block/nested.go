//go:build linux

package block

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/workload"
)

// Nested cuts recoveries: of up to samples states that had something to recover, each is mounted and recovered on a
// disk again, and up to limit states of that recording are checked. It comes after Explore.
func (x *Explorer) Nested(rng *rand.Rand, samples, limit int) (all Tally, err error) {
	rng.Shuffle(len(x.moved), func(i, j int) { x.moved[i], x.moved[j] = x.moved[j], x.moved[i] })
	for n := range min(samples, len(x.moved)) {
		temp := filepath.Join(x.Temp, fmt.Sprint("nested", n))
		tally, err := x.nested(&x.moved[n], temp, rng, limit)
		if err != nil {
			return all, fmt.Errorf("%v: %w", &x.moved[n], err)
		}
		all.Add(tally)
		if err := os.RemoveAll(temp); err != nil {
			return all, err
		}
	}
	all.Nested = all.States
	return all, nil
}

func (x *Explorer) nested(s *State, temp string, rng *rand.Rand, limit int) (Tally, error) {
	if err := os.Mkdir(temp, 0o700); err != nil {
		return Tally{}, err
	}
	r, err := x.Recording.recovery(s, x.Bin, temp)
	if err != nil {
		return Tally{}, err
	}
	y := &Explorer{Recording: r, Bin: x.Bin, Temp: temp, Workers: x.Workers, Quiet: x.Quiet}
	return y.Explore(r.States(rng), limit)
}

// recovery records how a state is mounted and recovered, in the mode of the recording that it comes from.
func (r *Recording) recovery(s *State, bin, temp string) (out *Recording, err error) {
	data, err := r.content(s, filepath.Join(temp, "image"))
	if err != nil {
		return nil, err
	}
	disk, err := NewDisk(filepath.Join(temp, "disk"), data)
	if err != nil {
		return nil, err
	}
	defer closing(disk.Close, &err)
	nested, again := *r, *r.Case
	again.Again = true
	nested.Case = &again
	nested.done, nested.start, nested.applying = r.acked(s.At), newImage(disk.Start(Fault{})), nil
	rec := &recorder{Recording: &nested, bin: bin, disk: disk}
	err = rec.recover(filepath.Join(temp, "mnt"))
	return rec.Recording, err
}

// content is a state as bytes.
func (r *Recording) content(s *State, temp string) ([]byte, error) {
	f, err := os.Create(temp)
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp)
	defer f.Close()
	if err := s.write(f, r.start, r.Log); err != nil {
		return nil, err
	}
	return os.ReadFile(temp)
}

func (r *recorder) recover(dir string) (err error) {
	mnt, err := r.FS.MountDirect(r.disk.Path(), dir)
	if err != nil {
		return err
	}
	defer closing(mnt.Close, &err)
	if err := r.prod.open(r.FS, r.Mode, mnt.Dir, r.Work.Seed); err != nil {
		return err
	}
	defer closing(r.prod.close, &err)
	root := workload.Root(folder(dir))
	res, err := r.supervise(0, r.bin, "recover", "--root", root, "-o", "json")
	if err != nil {
		return err
	}
	r.Log, r.Requests, _ = r.disk.Stop()
	report := &oracle.Report{Exit: res.ExitCode, Text: string(res.Stdout) + string(res.Stderr)}
	if err := json.Unmarshal(res.Stdout, report); err != nil {
		return fmt.Errorf("recover: exit code %d: %w\n%s", res.ExitCode, err, report.Text)
	}
	return r.Case.CheckReport(report, r.done)
}
