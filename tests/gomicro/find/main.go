// find get NAME | list | watch: what go-micro v2's mDNS registry tells a client, as JSON.
// watch prints one result a line until it is ended.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/micro/go-micro/v2/registry"
	"github.com/micro/go-micro/v2/registry/mdns"
)

var out = json.NewEncoder(os.Stdout)

func print(value interface{}, err error) {
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
	found := mdns.NewRegistry()
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
