package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Op is an op of a manifest as it is written there.
type Op struct {
	Op        string   `json:"op"`
	Path      string   `json:"path,omitempty"`
	From      string   `json:"from,omitempty"`
	To        string   `json:"to,omitempty"`
	Content   *string  `json:"content,omitempty"`
	Source    string   `json:"source,omitempty"`
	Target    string   `json:"target,omitempty"`
	Mode      string   `json:"mode,omitempty"`
	Expect    any      `json:"expect,omitempty"`
	Missing   string   `json:"missing,omitempty"`
	Recursive bool     `json:"recursive,omitempty"`
	Replace   bool     `json:"replace,omitempty"`
	Prune     bool     `json:"prune,omitempty"`
	Times     bool     `json:"times,omitempty"`
	Move      bool     `json:"move,omitempty"`
	Exclude   []string `json:"exclude,omitempty"`
}

// manifest is the text of the manifest with these ops.
func manifest(message string, ops []Op) ([]byte, error) {
	return json.MarshalIndent(struct {
		Version int    `json:"version"`
		Message string `json:"message"`
		Ops     []Op   `json:"ops"`
	}{1, message, ops}, "", " ")
}

func octal(mode uint32) string { return fmt.Sprintf("%04o", mode) }

// expectContent is the condition that a file has this content.
func expectContent(text string) any {
	sum := sha256.Sum256([]byte(text))
	return map[string]string{"sha256": hex.EncodeToString(sum[:])}
}
