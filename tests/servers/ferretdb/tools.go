//go:build tools

// Package tools holds on to the MongoDB-protocol server of the tests, so that go.mod and go.sum pin it and all it is made of.
package tools

import _ "github.com/FerretDB/FerretDB/cmd/ferretdb"
