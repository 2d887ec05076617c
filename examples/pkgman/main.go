// Command pkgman is a small package manager: an example for package txn. A package is a tarball; installed ones are in
// pkgs/NAME, their programs are linked into bin/, and index.json says what is there. All three change together.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/txcommit/txcommit/txn"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pkgman:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	fs := flag.NewFlagSet("pkgman [-root DIR] install FILE.tar.gz | remove NAME | list", flag.ContinueOnError)
	root := fs.String("root", ".", "where packages are installed")
	if err := fs.Parse(args); err != nil {
		return err
	}
	st, err := txn.Open(ctx, *root, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	m := &manager{store: st, out: out}
	switch fs.Arg(0) {
	case "install":
		return m.install(ctx, fs.Arg(1))
	case "remove":
		return m.remove(ctx, fs.Arg(1))
	case "list":
		return m.list(ctx)
	}
	fs.Usage()
	return errors.New("no command given")
}
