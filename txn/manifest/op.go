package manifest

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// opReader reads one op after the other. As "op" may be an object's last key,
// it first takes in all the keys, then checks them against the kind; until
// then it remembers where they stand.
type opReader struct {
	*scanner
	index int
	op    Op
	open  place // of the op's brace

	seen    uint32           // bit i: fields[i] is there
	keys    [maxFields]place // where fields[i] has its key ...
	values  [maxFields]place // ... and its value; both only if seen
	unknown string           // the first key that no op has
	lost    place            // of unknown; line 0 if there is none
}

func (r *opReader) read(index int) error {
	open, err := r.begin('{', `an op like {"op": "write", ...}`)
	if err != nil {
		return err
	}
	r.index, r.open, r.seen, r.lost = index, open, 0, place{}
	r.op = Op{Line: open.line, Col: open.col()}
	for r.peek() != '}' {
		if err := r.member(); err != nil {
			return err
		}
	}
	if err := r.end(); err != nil {
		return err
	}
	return r.check()
}

func (r *opReader) member() error {
	key, at, err := r.key()
	if err != nil {
		return err
	}
	i := fieldNamed(string(key))
	if i < 0 {
		if r.lost.line == 0 {
			r.unknown, r.lost = string(key), at
		}
		return r.skip()
	}
	if err := fields[i].read(r); err != nil {
		return err
	}
	r.seen |= 1 << i
	r.keys[i], r.values[i] = at, r.last
	return nil
}

// check checks the op as a whole, once all its keys are known.
func (r *opReader) check() error {
	if err := r.checkKeys(); err != nil {
		return err
	}
	if err := r.checkNeeded(); err != nil {
		return err
	}
	if r.op.Kind == Write {
		if err := r.checkWrite(); err != nil {
			return err
		}
	}
	return r.cleanPaths()
}

// checkKeys reports a key that the op does not have.
func (r *opReader) checkKeys() error {
	kind, whose := r.op.Kind, r.op.Kind.String()+" has"
	if kind == 0 {
		whose = "an op has"
	}
	if r.lost.line > 0 {
		hint := suggest(r.unknown, whose, fieldNames(kind))
		return r.errorAt(r.lost, r.pointer(r.unknown), fmt.Sprintf("unknown key %s; %s", quote(r.unknown), hint))
	}
	if kind == 0 {
		return r.errorAt(r.open, opPointer(r.index), suggest("", `"op" is missing; it is one of`, kindNames[Write:]))
	}
	if i := r.first(func(f field) bool { return !f.of.has(kind) }); i >= 0 {
		hint := suggest("", whose, fieldNames(kind))
		return r.errorAt(r.keys[i], r.pointer(fields[i].name), fmt.Sprintf("%s has no key %q; %s", kind, fields[i].name, hint))
	}
	return nil
}

// first returns that field in the text for which wrong holds, -1 if none.
func (r *opReader) first(wrong func(field) bool) int {
	best := -1
	for i, f := range fields {
		if r.has(i) && wrong(f) && (best < 0 || r.keys[i].offset < r.keys[best].offset) {
			best = i
		}
	}
	return best
}

func (r *opReader) has(i int) bool { return r.seen>>i&1 != 0 }

func (r *opReader) checkNeeded() error {
	for i, f := range fields {
		if f.needed.has(r.op.Kind) && !r.has(i) {
			return r.errorAt(r.open, opPointer(r.index), fmt.Sprintf("%s needs the key %q; add it", r.op.Kind, f.name))
		}
	}
	return nil
}

// checkWrite checks what binds the keys of a write to each other.
func (r *opReader) checkWrite() error {
	const needs = `write needs exactly one of "content", "base64" and "source"; `
	found := -1
	for _, name := range []string{"content", "base64", "source"} {
		i := fieldNamed(name)
		switch {
		case !r.has(i):
		case found < 0:
			found = i
		default:
			// Whichever comes later in the text is the one too many.
			if r.keys[i].offset < r.keys[found].offset {
				i, found = found, i
			}
			name, other := fields[i].name, fields[found].name
			return r.errorAt(r.keys[i], r.pointer(name), fmt.Sprintf(needs+"remove %q or %q", other, name))
		}
	}
	if found < 0 {
		return r.errorAt(r.open, opPointer(r.index), needs+"add one")
	}
	if r.op.Schema != "" && r.op.Format == "" {
		i := fieldNamed("schema")
		return r.errorAt(r.keys[i], r.pointer("schema"), `schema needs a format; add "format": "json"`)
	}
	return nil
}

// cleanPaths cleans the paths of the op; only now is it known whether the
// root itself will do.
func (r *opReader) cleanPaths() error {
	if r.op.Kind != Rename {
		return r.cleanPath("path", &r.op.Path)
	}
	if err := r.cleanPath("from", &r.op.From); err != nil {
		return err
	}
	return r.cleanPath("to", &r.op.To)
}

func (r *opReader) cleanPath(name string, p *string) error {
	clean, err := CleanPath(*p, r.op.Kind == Tree)
	if err != nil {
		return r.errorAt(r.values[fieldNamed(name)], r.pointer(name), err.Error())
	}
	*p = clean
	return nil
}

// pointer returns the JSON pointer of one of the op's keys.
func (r *opReader) pointer(name string) string {
	return string(jsontext.Pointer(opPointer(r.index)).AppendToken(name))
}
