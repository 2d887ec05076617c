//go:build linux

package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// view looks at the tree through a view. Each actor's folder must be in a state that it might be in since the view began.
func (w *world) view() error {
	starts := make([]int, actors)
	for k, a := range w.actors {
		starts[k], _ = a.since(0)
	}
	w.viewing.RLock()
	defer w.viewing.RUnlock()
	fills, full := w.disk.stage()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(w.bin, "view", "--root", w.root, "--lock-timeout", "90s", "--", self)
	cmd.Env = append(os.Environ(), lookEnv+"="+w.root)
	out, err := cmd.Output()
	again, fullNow := w.disk.stage()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if exit.ExitCode() == 125 && (full || fullNow || fills != again) {
			w.count("views that found the disk full", true)
			return nil
		}
		return fmt.Errorf("exit code %d: %s", exit.ExitCode(), exit.Stderr)
	}
	seen := tree{}
	if err = first(err, json.Unmarshal(out, &seen)); err != nil {
		return err
	}
	for k, a := range w.actors {
		_, may := a.since(starts[k])
		if err := oneOf(seen.below(a.name), may); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	w.count("views", true)
	return nil
}
