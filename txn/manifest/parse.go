package manifest

import (
	"errors"
	"io"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	version    = 1
	maxSize    = 1 << 30 // bytes of a manifest
	maxID      = 255
	maxMessage = 64 << 10
)

// manifestKeys are the keys of the manifest itself.
var manifestKeys = []string{"version", "id", "message", "ops", "stream"}

// Parse reads the manifest in r to its end and checks all that can be checked
// without the tree. The name is used in errors only.
//
// Whatever is wrong with the text is an [*Error]; any other error is one of r,
// returned as it is. The first fault is reported; but a text of another
// version is told that, and not what this version thinks of its ops.
func Parse(name string, r io.Reader) (*Manifest, error) {
	return parse(name, r, maxSize)
}

// Read is Parse for manifests with very many ops: it hands each op to take as
// it is read, and the manifest that it returns has none. What was taken before
// an error counts for nothing.
func Read(name string, r io.Reader, take func(Op)) (*Manifest, error) {
	return read(name, r, maxSize, take)
}

func parse(name string, r io.Reader, limit int64) (*Manifest, error) {
	var ops []Op
	m, err := read(name, r, limit, func(o Op) { ops = append(ops, o) })
	if err != nil {
		return nil, err
	}
	m.Ops = ops
	return m, nil
}

func read(name string, r io.Reader, limit int64, take func(Op)) (*Manifest, error) {
	s, err := newScanner(name, r, limit)
	if err != nil {
		return nil, err
	}
	p := &parser{scanner: s, m: Manifest{Name: name}, take: take}
	if err := p.manifest(); err != nil {
		return nil, p.orVersion(err)
	}
	return &p.m, nil
}

// parser reads the outermost object.
type parser struct {
	*scanner
	m       Manifest
	take    func(Op)
	n       int  // ops so far
	version bool // has been read, and is ours
	ops     bool // have been read
	stream  bool // the ops follow the object
}

func (p *parser) manifest() error {
	open, err := p.begin('{', `an object {"version": 1, "ops": [...]}`)
	if err != nil {
		return err
	}
	for p.peek() != '}' {
		if err := p.member(); err != nil {
			return err
		}
	}
	if err := p.end(); err != nil {
		return err
	}
	switch {
	case !p.version:
		return p.errorAt(open, "", `"version" is missing; add "version": 1`)
	case p.stream && p.ops:
		return p.errorAt(open, "", `a stream has its ops on the lines that follow; remove "ops" or "stream"`)
	case p.stream:
		return p.readLines()
	case !p.ops:
		return p.errorAt(open, "", `"ops" is missing; add "ops": [...]`)
	}
	return p.trailing()
}

func (p *parser) member() error {
	key, at, err := p.key()
	if err != nil {
		return err
	}
	switch string(key) {
	case "version":
		return p.readVersion()
	case "id":
		return p.readID()
	case "message":
		return p.readMessage()
	case "ops":
		return p.readOps()
	case "stream":
		return p.readStream()
	}
	return p.errorf(at, "unknown key %s; %s", quote(key), suggest(string(key), "a manifest has", manifestKeys))
}

func (p *parser) readVersion() error {
	if p.peek() != '0' {
		return p.mismatch("the number 1")
	}
	tok, at, err := p.token()
	if err != nil {
		return err
	}
	p.version = true
	return p.checkVersion(tok, at)
}

func (p *parser) checkVersion(tok jsontext.Token, at place) error {
	if n, err := tok.Float(); err == nil && n == version {
		return nil
	}
	number := tok.String()
	return p.errorf(at, "version %s is not known; this version of txcommit reads version %d only",
		number[:min(len(number), 20)], version)
}

func (p *parser) readID() error {
	id, at, err := p.text("a string")
	switch {
	case err != nil:
		return err
	case id == "":
		return p.errorf(at, "id is empty; leave it out or give 1 to %d bytes", maxID)
	case len(id) > maxID:
		return p.errorf(at, "id has %d bytes; shorten it to %d", len(id), maxID)
	case strings.ContainsFunc(id, unicode.IsControl):
		return p.errorf(at, "id %s has a control character; remove it", quote(id))
	}
	p.m.ID = id
	return nil
}

func (p *parser) readMessage() error {
	msg, at, err := p.text("a string")
	switch {
	case err != nil:
		return err
	case len(msg) > maxMessage:
		return p.errorf(at, "message has %d bytes; shorten it to %d", len(msg), maxMessage)
	}
	p.m.Message = msg
	return nil
}

func (p *parser) readOps() error {
	if _, err := p.begin('[', "an array of ops"); err != nil {
		return err
	}
	r := &opReader{scanner: p.scanner}
	for p.peek() != ']' {
		if err := p.op(r); err != nil {
			return err
		}
	}
	p.ops = true
	return p.end()
}

func (p *parser) readStream() error {
	kind := p.peek()
	if kind != 't' && kind != 'f' {
		return p.mismatch("true or false")
	}
	p.stream = kind == 't'
	_, _, err := p.token()
	return err
}

// readLines reads the ops of a stream, to the end of the text.
func (p *parser) readLines() error {
	r := &opReader{scanner: p.scanner}
	for {
		kind, at := p.ahead()
		if kind == jsontext.KindInvalid {
			_, err := p.dec.ReadToken()
			if errors.Is(err, io.EOF) && p.src.err == nil {
				return nil
			}
			return p.fail(err, kind, at)
		}
		p.within = opPointer(p.n)
		if err := p.op(r); err != nil {
			return err
		}
	}
}

// op reads the next op.
func (p *parser) op(r *opReader) error {
	if err := r.read(p.n); err != nil {
		return err
	}
	p.take(r.op)
	p.n++
	return nil
}

// trailing makes sure that nothing follows the manifest.
func (p *parser) trailing() error {
	_, at := p.ahead()
	_, err := p.dec.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case p.src.err != nil:
		return p.fail(err, jsontext.KindInvalid, at)
	}
	return p.errorAt(at, "", "text goes on after the manifest; remove what follows its last brace")
}

// orVersion returns err, the first fault, unless a version that is still to
// come explains it: writers that sort their keys put "version" last.
func (p *parser) orVersion(err error) error {
	if _, ok := errors.AsType[*Error](err); !ok || p.version {
		return err
	}
	for {
		tok, at, readErr := p.token()
		if readErr != nil {
			return err
		}
		if tok.Kind() == '0' && p.dec.StackDepth() == 1 && p.dec.StackPointer() == "/version" {
			if other := p.checkVersion(tok, at); other != nil {
				return other
			}
			return err
		}
	}
}
