// service NAME VERSION [KEY=VALUE...]: a go-micro v2 service as its users write one, registered by mDNS
// until SIGTERM. Prints what it registered, as JSON, once it is there.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"

	"github.com/micro/go-micro/v2"
	"github.com/micro/go-micro/v2/registry/mdns"
)

func main() {
	name, version := os.Args[1], os.Args[2]
	metadata := map[string]string{}
	for _, pair := range os.Args[3:] {
		key, value, _ := strings.Cut(pair, "=")
		metadata[key] = value
	}
	os.Args = os.Args[:1] // the rest is go-micro's to parse

	service := micro.NewService(
		micro.Name(name),
		micro.Version(version),
		micro.Metadata(metadata),
		micro.Address("127.0.0.1:0"),
		micro.Registry(mdns.NewRegistry()),
	)
	service.Init(micro.AfterStart(func() error {
		options := service.Server().Options()
		return json.NewEncoder(os.Stdout).Encode(map[string]string{
			"id":      options.Name + "-" + options.Id,
			"address": options.Address,
			"server":  service.Server().String(),
		})
	}))
	if err := service.Server().Handle(service.Server().NewHandler(new(Greeter))); err != nil {
		log.Fatal(err)
	}
	if err := service.Run(); err != nil {
		log.Fatal(err)
	}
}
