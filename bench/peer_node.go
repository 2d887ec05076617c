//go:build linux

package main

import (
	"context"
	_ "embed" // the program for Node
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed peer_node.mjs
var nodeProgram []byte

func writeFileAtomicSystem() *system {
	return nodeSystem("write-file-atomic", "7.0.1",
		"each file is atomic, the set is not; the folder is not synced: after a power loss a file can be the old one")
}

func atomicallySystem() *system {
	return nodeSystem("atomically", "2.1.1",
		"each file is atomic, the set is not; the folder is not synced: after a power loss a file can be the old one")
}

// nodeSystem is a package of npm that replaces one file. Node runs already, and has the new content in memory.
func nodeSystem(name, version, lacks string) *system {
	call := "await Promise.all(files.map(([path, data]) => writeFile(path, data))) of npm's " + name + "@" + version
	return &system{
		name: name, files: call, lacks: lacks,
		install: func(ctx context.Context, dir string) error { return installNode(ctx, dir, name+"@"+version) },
		open: func(_ context.Context, b *bench, root string) (target, error) {
			return startNode(filepath.Join(b.tools[name], "peer.mjs"), name, root)
		},
	}
}

// installNode installs a package in dir, with the program that calls it. The package runs no scripts of its own.
func installNode(ctx context.Context, dir, pkg string) error {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w %s", errNeeds, tool)
		}
	}
	if err := command(ctx, "npm", "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", pkg); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("%w %s from the registry of npm: %w", errNeeds, pkg, err))
	}
	return os.WriteFile(filepath.Join(dir, "peer.mjs"), nodeProgram, 0o666)
}

// nodeTarget is a process that goes on.
type nodeTarget struct {
	root    string
	cmd     *exec.Cmd
	in      io.WriteCloser
	ask     *json.Encoder
	answers *json.Decoder
	cpu     time.Duration
}

type nodeRequest struct {
	Op    string   `json:"op"`
	Dir   string   `json:"dir"` // names the input
	Root  string   `json:"root,omitempty"`
	Files []string `json:"files,omitempty"`
}

func startNode(program, pkg, root string) (_ target, err error) {
	t := &nodeTarget{root: root, cmd: exec.Command("node", program, pkg)}
	t.cmd.Stderr = os.Stderr
	if t.in, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.ask, t.answers = json.NewEncoder(t.in), json.NewDecoder(out)
	return t, t.cmd.Start()
}

func (t *nodeTarget) do(r nodeRequest) error {
	if err := t.ask.Encode(r); err != nil {
		return err
	}
	var answer struct {
		Error  string
		Micros int64
	}
	if err := t.answers.Decode(&answer); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	t.cpu = time.Duration(answer.Micros) * time.Microsecond
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	return nil
}

func (t *nodeTarget) prepare(_ context.Context, in *input) error {
	return t.do(nodeRequest{"load", in.dir, filepath.Join(t.root, in.at), in.files})
}

func (t *nodeTarget) publish(_ context.Context, in *input) error {
	return t.do(nodeRequest{Op: "publish", Dir: in.dir})
}

func (t *nodeTarget) used() time.Duration { return t.cpu }

// close ends the process: it has nothing more to read.
func (t *nodeTarget) close() error { return errors.Join(t.in.Close(), t.cmd.Wait()) }
