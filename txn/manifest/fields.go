package manifest

import "slices"

// kindSet is a set of kinds.
type kindSet uint8

func kinds(ks ...Kind) kindSet {
	var set kindSet
	for _, k := range ks {
		set |= 1 << k
	}
	return set
}

func (s kindSet) has(k Kind) bool { return s>>k&1 != 0 }

// maxFields is the number of keys that opReader can keep apart.
const maxFields = 32

// field is one key of an op.
type field struct {
	name   string
	of     kindSet // the kinds that have the key
	needed kindSet // the kinds that cannot do without
	read   func(*opReader) error
}

var (
	every    = kinds(Write, Remove, Rename, Mkdir, Symlink, Chmod, Tree)
	onPath   = every &^ kinds(Rename)
	creating = every &^ kinds(Remove, Chmod)
	guarded  = every &^ kinds(Mkdir, Tree)
)

// fields is the grammar of ops: all their keys, in the order in which Encode
// and messages name them.
var fields = [...]field{
	{"op", every, every, (*opReader).readKind},
	{"path", onPath, onPath, textField("a path", func(op *Op) *string { return &op.Path })},
	{"from", kinds(Rename), kinds(Rename), textField("a path", func(op *Op) *string { return &op.From })},
	{"to", kinds(Rename), kinds(Rename), textField("a path", func(op *Op) *string { return &op.To })},
	{"content", kinds(Write), 0, (*opReader).readContent},
	{"base64", kinds(Write), 0, (*opReader).readBase64},
	{"source", kinds(Write, Tree), kinds(Tree), fileField(func(op *Op) *string { return &op.Source })},
	{"target", kinds(Symlink), kinds(Symlink), (*opReader).readTarget},
	{"mode", kinds(Write, Mkdir, Chmod), kinds(Chmod), (*opReader).readMode},
	{"sha256", kinds(Write), 0, (*opReader).readSHA256},
	{"format", kinds(Write), 0, (*opReader).readFormat},
	{"schema", kinds(Write), 0, fileField(func(op *Op) *string { return &op.Schema })},
	{"recursive", kinds(Remove), 0, flagField(func(op *Op) *bool { return &op.Recursive })},
	{"missing", kinds(Remove), 0, choiceField("error", "ok", func(op *Op) *bool { return &op.MissingOK })},
	{"replace", kinds(Rename), 0, flagField(func(op *Op) *bool { return &op.Replace })},
	{"prune", kinds(Tree), 0, flagField(func(op *Op) *bool { return &op.Prune })},
	{"exclude", kinds(Tree), 0, (*opReader).readExclude},
	{"move", kinds(Tree), 0, flagField(func(op *Op) *bool { return &op.Move })},
	{"times", kinds(Tree), 0, flagField(func(op *Op) *bool { return &op.Times })},
	{"expect", guarded, 0, (*opReader).readExpect},
	{"parents", creating, 0, choiceField("make", "require", func(op *Op) *bool { return &op.RequireParents })},
}

// fieldNamed returns the index of a key in fields, -1 if no op has it.
func fieldNamed(name string) int {
	return slices.IndexFunc(fields[:], func(f field) bool { return f.name == name })
}

// fieldNames returns the keys of a kind, for the zero kind those of all.
func fieldNames(k Kind) []string {
	var names []string
	for _, f := range fields {
		if k == 0 || f.of.has(k) {
			names = append(names, f.name)
		}
	}
	return names
}
