package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/txcommit/txcommit/txn/manifest"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of manifests",
		Long: `Print the JSON Schema (2020-12) of manifests, with a description of every key: for
editors that complete and check while you write, and for programs that write manifests.
It says the same with --output json.`,
		Example: `  txcommit schema > manifest.schema.json
  txcommit schema | jq '."$defs".write.description'`,
		Args: exactly(),
		RunE: a.command(func(*cobra.Command, []string) error {
			a.report = schemaReport{}
			return nil
		}),
	}
}

// schemaReport is what schema says.
type schemaReport struct{}

// MarshalJSON returns the schema: it is one JSON object as it is.
func (schemaReport) MarshalJSON() ([]byte, error) { return json.RawMessage(manifest.Schema()), nil }

func (schemaReport) text() string { return manifest.Schema() }
