//go:build linux

package block

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
)

// stateEnv names the folder of a kept state, for TestReplay.
const stateEnv = "TXCOMMIT_BLOCK_STATE"

// kept is what a state needs to be checked again, beside its image.
type kept struct {
	FS    string       `json:"fs"`
	Mode  Mode         `json:"mode"`
	Acked int          `json:"acked"`
	State State        `json:"state"`
	Error string       `json:"error"`
	Start *oracle.Seen `json:"start"`
	// Work is the workload itself: the generator may make another one of the seed some day.
	Work *workload.Workload `json:"work"`
}

const (
	keptImage = "image"
	keptState = "state.json"
)

// keep keeps the state of a violation and returns where; or why it could not.
func (r *Recording) keep(v *Violation) string {
	dir, err := sandbox.Keep()
	if err != nil {
		return err.Error()
	}
	f, err := os.Create(filepath.Join(dir, keptImage))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if err := v.State.write(f, r.start, r.Log); err != nil {
		return err.Error()
	}
	b, err := json.MarshalIndent(kept{
		r.FS.Name, r.Mode, v.Acked, v.State, v.Err.Error(), r.seen, r.Work,
	}, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, keptState), append(b, '\n'), 0o600)
	}
	if err != nil {
		return err.Error()
	}
	return dir
}

// String says all that is needed to understand a violation and to see it again.
func (v Violation) String() string {
	return fmt.Sprintf("%v, %d steps acknowledged: %v\nreplay: %s%s=%s go -C crashtest test ./block -run 'TestReplay$' -count=1 -v",
		&v.State, v.Acked, v.Err, bin.Env(), stateEnv, v.Kept)
}

// load reads a kept state.
func load(dir string) (k kept, fs sandbox.FS, err error) {
	b, err := os.ReadFile(filepath.Join(dir, keptState))
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil {
		return k, fs, err
	}
	for _, fs := range sandbox.All {
		if fs.Name == k.FS {
			return k, fs, nil
		}
	}
	return k, fs, fmt.Errorf("%s: unknown file system %q", dir, k.FS)
}
