package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print build information",
		Long:    "Print the version, the commit it was built from, and the Go version and platform it was built with.",
		Example: "  txcommit version\n  txcommit version -o json",
		Args:    exactly(),
		RunE: a.command(func(*cobra.Command, []string) error {
			a.report = newVersionReport()
			return nil
		}),
	}
}

// versionReport is what version says. Commit is empty when the build does not know it.
type versionReport struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func newVersionReport() *versionReport {
	r := &versionReport{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			r.Version = info.Main.Version
		}
		r.Commit = commitOf(info.Settings)
	}
	return r
}

// commitOf returns the revision that was built, marked when the working tree differed from it.
func commitOf(settings []debug.BuildSetting) string {
	revision, suffix := "", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			suffix = "-dirty"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + suffix
}

func (r *versionReport) text() string {
	commit := r.Commit
	if commit == "" {
		commit = "unknown"
	}
	return fmt.Sprintf("txcommit %s (commit %s, %s, %s/%s)\n", r.Version, commit, r.Go, r.OS, r.Arch)
}
