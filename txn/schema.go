//go:build !txcommit_noschema

package txn

import (
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cockroachdb/errors"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/txcommit/txcommit/internal/fsys"
)

// schemas are the JSON Schemas that new contents must conform to, by file. Each is read when it is first needed.
type schemas struct {
	mu     sync.Mutex
	byFile map[string]*schema
}

type schema struct {
	*jsonschema.Schema
	err error
}

// conforms validates a content against the JSON Schema in a file.
func (s *schemas) conforms(c content, marked bool, file string) error {
	r, err := openJSON(c, marked)
	if err != nil {
		return err
	}
	defer r.Close()
	doc, err := jsonschema.UnmarshalJSON(r)
	if err != nil {
		return errors.Wrap(err, "the new content is not valid JSON")
	}
	sch := s.get(file)
	if sch.err != nil {
		return sch.err
	}
	var invalid *jsonschema.ValidationError
	if err := sch.Validate(doc); errors.As(err, &invalid) {
		return errors.Newf("the new content does not conform to %s: %s", file, reasons(invalid))
	} else if err != nil {
		return errors.Wrapf(err, "schema %s", file)
	}
	return nil
}

// reasons puts the first of what is wrong with a document into one line.
func reasons(err *jsonschema.ValidationError) string {
	const most = 3
	_, text, _ := strings.Cut(err.Error(), "\n")
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimSpace(lines[i]), "- ")
	}
	if len(lines) > most {
		lines = append(lines[:most], "...")
	}
	return strings.Join(lines, "; ")
}

func (s *schemas) get(file string) *schema {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byFile == nil {
		s.byFile = map[string]*schema{}
	}
	if s.byFile[file] == nil {
		compiled, err := compileSchema(file)
		s.byFile[file] = &schema{compiled, err}
	}
	return s.byFile[file]
}

// compileSchema reads a schema, and the files that it refers to. Nothing is ever loaded from the network.
func compileSchema(file string) (*jsonschema.Schema, error) {
	doc, err := readSchema(file)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	at := (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String()
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{"file": schemaLoader{}})
	if err := c.AddResource(at, doc); err != nil {
		return nil, errors.Wrapf(err, "schema %s", file)
	}
	compiled, err := c.Compile(at)
	if err != nil {
		return nil, errors.Newf("%s is no valid JSON Schema: %s", file, strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return compiled, nil
}

// schemaLoader loads what a schema refers to.
type schemaLoader struct{}

// Load loads the file that a file URL names.
func (schemaLoader) Load(url string) (any, error) {
	file, err := jsonschema.FileLoader{}.ToFile(url)
	if err != nil {
		return nil, err
	}
	return readSchema(file)
}

func readSchema(file string) (any, error) {
	f, err := fsys.OpenFile(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if i, err := f.Stat(); err != nil || !i.Mode().IsRegular() {
		return nil, errors.Join(err, &fs.PathError{Op: "read", Path: file, Err: errors.New("not a regular file")})
	}
	doc, err := jsonschema.UnmarshalJSON(f)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, errors.Wrapf(err, "schema %s is not valid JSON", file)
	}
	return doc, nil
}
