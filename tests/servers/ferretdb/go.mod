// The MongoDB-protocol server of the tests: go.sum pins its source, whose own go.sum pins what it is made of.
module flightline/tests/servers/ferretdb

go 1.22

require github.com/FerretDB/FerretDB v1.24.0
