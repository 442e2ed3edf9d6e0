// find get NAME | list | watch: what a registry of go-micro v2 tells a client, as JSON (which: package
// registries). A service that is not there is an empty list, in whichever way the registry says so.
// watch prints one result a line until it is ended.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"

	"github.com/micro/go-micro/v2/registry"

	"csidecar.test/gomicro/registries"
)

var out = json.NewEncoder(os.Stdout)

// ZooKeeper's and Eureka's plugins hand on what their servers say of a name that nobody has.
func isNotFound(err error) bool {
	return err == registry.ErrNotFound || (err != nil && (strings.Contains(err.Error(), "node does not exist") ||
		strings.Contains(err.Error(), "no instances found") || strings.Contains(err.Error(), "Application not found")))
}

func print(value interface{}, err error) {
	if isNotFound(err) {
		value, err = nil, nil
	}
	if err != nil {
		log.Fatal(err)
	}
	if err := out.Encode(value); err != nil {
		log.Fatal(err)
	}
}

func watch(found registry.Registry) {
	watcher, err := found.Watch()
	if err != nil {
		log.Fatal(err)
	}
	for {
		print(watcher.Next())
	}
}

func main() {
	found := registries.Chosen()
	switch os.Args[1] {
	case "get":
		print(found.GetService(os.Args[2]))
	case "list":
		print(found.ListServices())
	case "watch":
		watch(found)
	default:
		log.Fatalf("find: what is %q?", os.Args[1])
	}
}
