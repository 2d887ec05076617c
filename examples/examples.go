// Package examples holds the trees and the manifest of the example that quickstart applies; README.md explains them.
package examples

import "embed"

// Files are manifest.json, what it takes from (update and build), and project, the tree that it changes.
//
//go:embed manifest.json all:update all:build all:project
var Files embed.FS
