//go:build linux && wine

package wine

import (
	_ "embed" // of what is put into the product
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

const (
	wine64     = "/usr/lib/wine/wine64" // not the script around it, which asks for the 32-bit one
	wineserver = "/usr/lib/wine/wineserver64"
)

// dir is where all is that the tests of this package make.
var dir string

func TestMain(m *testing.M) {
	var err error
	if dir, err = os.MkdirTemp("", "txcommit-wine"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = command(wineserver, "-k").Run() // it is running only if there was a prefix
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// command is a command of Wine with a drive C of its own, and without all that opens windows.
func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "WINEPREFIX="+filepath.Join(dir, "prefix"), "WINESERVER="+wineserver, "WINEDEBUG=-all",
		"WINEDLLOVERRIDES=mscoree,mshtml=", "DISPLAY=")
	return cmd
}

// output is the file for what a command says. A pipe would be held open by what Wine starts beside it.
func output(cmd *exec.Cmd) (said func() string, err error) {
	f, err := os.CreateTemp(dir, "output")
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = f, f
	return func() string {
		b, err := os.ReadFile(f.Name())
		_ = errors.Join(f.Close(), os.Remove(f.Name()))
		if err != nil {
			return err.Error()
		}
		return string(b)
	}, nil
}

// run runs a command to its end and returns what it says.
func run(cmd *exec.Cmd) (string, error) {
	said, err := output(cmd)
	if err != nil {
		return "", err
	}
	err = cmd.Run()
	return said(), err
}

// Wine is what the tests of this package cannot do without.
var wine = sandbox.Probed("Wine (Debian: wine64)", sync.OnceValue(func() error {
	for _, name := range []string{wine64, wineserver} {
		if _, err := os.Stat(name); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "prefix"), 0o700); err != nil {
		return err
	}
	// A server that stays: by itself it ends with its last client, also while the next one is about to connect.
	for _, cmd := range []*exec.Cmd{command(wineserver, "-p"), command(wine64, "wineboot", "--init")} {
		if out, err := run(cmd); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
		}
	}
	return nil
}))

// patches are what Wine 8 lacks for Go 1.26, changed in Go's own files for these builds only: the library of random numbers
// of Windows 10, and the word for a kind of deletion that it does not know, after which Go tries another one.
var patches = map[string][][2]string{
	"runtime/os_windows.go": {
		{"'b', 'c', 'r', 'y', 'p', 't', 'p', 'r', 'i', 'm', 'i', 't', 'i', 'v', 'e', 's', '.'", "'a', 'd', 'v', 'a', 'p', 'i', '3', '2', '.'"},
		{`"ProcessPrng\000"`, `"SystemFunction036\000"`},
	},
	"internal/syscall/windows/zsyscall_windows.go": {
		{`"bcryptprimitives.dll"`, `"advapi32.dll"`},
		{`"ProcessPrng"`, `"SystemFunction036"`},
	},
	"internal/syscall/windows/at_windows.go": {{"STATUS_NOT_SUPPORTED:", "STATUS_NOT_SUPPORTED, NTStatus(0xC0000002):"}},
}

// strict is what NTFS is stricter about than Wine, put into the product for these builds only.
//
//go:embed strict.go.txt
var strict []byte

var strictPatch = [2]string{"\t\treturn unused(func() error {\n\t\t\terr := setName(h, to,", "\t\treturn unused(func() error {\n" +
	"\t\t\tif err := openBelow(h); err != nil {\n\t\t\t\treturn err\n\t\t\t}\n\t\t\terr := setName(h, to,"}

// overlay writes the patched files, and the file that tells the go command of them.
var overlay = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	module, err := bin.Module()
	if err != nil {
		return "", err
	}
	all := struct{ Replace map[string]string }{map[string]string{}}
	put := func(source string, text []byte) error {
		target := filepath.Join(dir, strings.ReplaceAll(strings.TrimPrefix(source, "/"), "/", "-"))
		all.Replace[source] = target
		return os.WriteFile(target, text, 0o600)
	}
	fsys := filepath.Join(module, "internal", "fsys")
	sources := map[string][][2]string{filepath.Join(fsys, "dir_windows.go"): {strictPatch}}
	for name, changes := range patches {
		sources[filepath.Join(strings.TrimSpace(string(root)), "src", name)] = changes
	}
	for source, changes := range sources {
		text, err := patched(source, changes)
		if err == nil {
			err = put(source, text)
		}
		if err != nil {
			return "", err
		}
	}
	if err := put(filepath.Join(fsys, "strict_windows.go"), strict); err != nil {
		return "", err
	}
	b, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
})

// patched is a file with what is to be changed in it, of which each must be there once.
func patched(source string, changes [][2]string) ([]byte, error) {
	b, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	text := string(b)
	for _, c := range changes {
		if strings.Count(text, c[0]) != 1 {
			return nil, fmt.Errorf("%s: %q is not there once: see whether the patch is still needed", source, c[0])
		}
		text = strings.Replace(text, c[0], c[1], 1)
	}
	return []byte(text), nil
}

// build runs "go build" or "go test -c" for Windows, and returns the program.
func build(name string, args ...string) (string, error) {
	file, err := overlay()
	if err != nil {
		return "", err
	}
	module, err := bin.Module()
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, name+".exe")
	args = append([]string{args[0], "-overlay", file, "-o", exe}, args[1:]...)
	cmd := exec.Command("go", args...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return exe, nil
}
