package main

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/spf13/cobra"
)

// exactly asks for one argument for each of names. An empty one is most likely a shell variable that is not set, and
// would mean the working directory.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		for i, name := range names {
			switch {
			case i >= len(args):
				return fmt.Errorf("%s: missing argument", name)
			case args[i] == "":
				return fmt.Errorf("%s: argument is empty", name)
			}
		}
		if len(args) > len(names) {
			return fmt.Errorf("%s: unexpected argument", quote(args[len(names)]))
		}
		return nil
	}
}

// optional allows one argument more than exactly does without names.
func optional(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return exactly(name)(cmd, args)
	}
}

// usageError makes err an error of cmd's usage, with the hint where to read about it.
func usageError(cmd *cobra.Command, err error) error {
	topic := strings.TrimSpace("help " + strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" "))
	if cmd == cmd.Root() || cmd.Name() == "help" {
		topic = "help"
	}
	return &fault{at: atUsage, hint: "see 'txcommit " + topic + "'", err: err}
}

// outputShort is -o with its value attached, perhaps after other short flags without a value.
var outputShort = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-[qh]*o=?(.*)$`) })

// asksForJSON finds out whether args ask for JSON, for the case that parsing has ended at a mistake before it came to
// --output. The last one counts.
func asksForJSON(args []string) bool {
	format := ""
	for i := 0; i < len(args) && args[i] != "--"; i++ {
		value, found := outputValue(args[i])
		if found && value == "" && i+1 < len(args) {
			i++
			value = args[i]
		}
		if found {
			format = value
		}
	}
	return format == "json"
}

// outputValue returns the value attached to arg, and whether arg is --output at all.
func outputValue(arg string) (value string, found bool) {
	if arg == "--output" {
		return "", true
	}
	if value, found = strings.CutPrefix(arg, "--output="); found {
		return value, true
	}
	if m := outputShort().FindStringSubmatch(arg); m != nil {
		return m[1], true
	}
	return "", false
}
