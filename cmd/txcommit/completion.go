package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/txcommit/txcommit/txn"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that completes commands in a shell",
		Long: `Print a script that lets a shell complete commands, flags, their values, and the ids of
transactions. Load it where the shell starts:

  bash        source <(txcommit completion bash)           # in ~/.bashrc
  zsh         source <(txcommit completion zsh)            # in ~/.zshrc, after compinit
  fish        txcommit completion fish | source            # in ~/.config/fish/config.fish
  powershell  txcommit completion powershell | Out-String | Invoke-Expression   # in $PROFILE`,
		Example:   "  source <(txcommit completion bash)\n  txcommit completion fish > ~/.config/fish/completions/txcommit.fish",
		Args:      exactly("SHELL"),
		ValidArgs: shells,
		RunE: a.command(func(cmd *cobra.Command, args []string) error {
			script, err := completionScript(cmd.Root(), args[0])
			a.report = &completionReport{args[0], script}
			if err != nil {
				return usageError(cmd, err)
			}
			return nil
		}),
	}
}

// bashWords puts the words of the command line together, which bash splits also at = and :. The script of cobra leaves that to
// the package bash-completion, which not everybody has; with it, this is not called.
const bashWords = `
__txcommit_init_completion()
{
    local i word gap line=${COMP_LINE:0:COMP_POINT}
    COMPREPLY=() words=() cword=-1 cur= prev=
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        gap=${line%%[![:space:]]*}
        line=${line#"$gap"}
        if ((i == COMP_CWORD)); then
            word=$line # as far as the cursor
        fi
        line=${line#"$word"}
        if [[ $i -gt 0 && -z $gap && ($word == [=:]* || ${COMP_WORDS[i-1]} == *[=:]) ]]; then
            words[cword]+=$word
        else
            words[++cword]=$word
        fi
    done
    cur=${words[cword]}
    if ((cword > 0)); then
        prev=${words[cword-1]}
    fi
}
`

func completionScript(root *cobra.Command, shell string) (string, error) {
	var b bytes.Buffer
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(&b, true)
		b.WriteString(bashWords)
	case "zsh":
		err = root.GenZshCompletion(&b)
	case "fish":
		err = root.GenFishCompletion(&b, true)
	case "powershell":
		err = root.GenPowerShellCompletionWithDesc(&b)
	default:
		err = fmt.Errorf("%s: must be one of bash, zsh, fish, powershell", quote(shell))
	}
	return b.String(), err
}

// completionReport is what completion says.
type completionReport struct {
	Shell  string `json:"shell"`
	Script string `json:"script"`
}

func (r *completionReport) text() string { return r.Script }

// completes says that args are those of a shell that asks what a word may become.
func completes(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// complete answers the shell.
func (a *app) complete(ctx context.Context, root *cobra.Command) int {
	root.SetOut(a.stdout)
	root.SetErr(io.Discard)
	if err := root.ExecuteContext(ctx); err != nil {
		return exitUsage
	}
	return exitOK
}

// completeFlags lets the shell complete what is known of the values of flags, in cmd and all below it, and no file names
// where no argument is taken.
func completeFlags(cmd *cobra.Command) {
	if _, _, takes := strings.Cut(cmd.Use, " "); !takes && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	register := func(f *pflag.Flag) {
		if c, ok := f.Value.(*choice); ok {
			must(cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(slices.Clone(c.allowed), cobra.ShellCompDirectiveNoFileComp)))
		}
		if f.Name == "root" {
			must(cmd.MarkFlagDirname(f.Name))
		}
	}
	cmd.LocalNonPersistentFlags().VisitAll(register)
	cmd.PersistentFlags().VisitAll(register)
	for _, sub := range cmd.Commands() {
		completeFlags(sub)
	}
}

// must ends the program over a mistake in it: a flag that is not there.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// completeTopics lets the shell complete what there is help on.
func completeTopics(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	for _, c := range cmd.Root().Commands() {
		if len(args) == 0 && !c.Hidden {
			out = append(out, cobra.CompletionWithDesc(c.Name(), c.Short))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeFolders lets the shell complete folders below the root: one component at a time, so no space follows. Hidden ones
// are for those who ask for them.
func (a *app) completeFolders(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const how = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	root, err := os.OpenRoot(a.flags.root)
	if err != nil {
		return nil, how
	}
	defer func() { _ = root.Close() }()
	dir, base := path.Split(begun)
	entries, _ := fs.ReadDir(root.FS(), path.Clean(dir)) // what leads out of the root is not a path to it
	var out []cobra.Completion
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, base) || name[0] == '.' && base == "" || strings.ContainsAny(name, "\t\n") {
			continue
		}
		if i, err := fs.Stat(root.FS(), path.Join(dir, name)); err == nil && i.IsDir() && name != ".txcommit" {
			out = append(out, dir+name+"/")
		}
	}
	return out, how
}

// completePending lets the shell complete the ids of unfinished transactions.
func (a *app) completePending(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if s, err := txn.Status(cmd.Context(), a.flags.root, a.flags.options()); err == nil {
		for _, p := range s.Pending {
			out = append(out, cobra.CompletionWithDesc(p.ID, p.Outcome))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
