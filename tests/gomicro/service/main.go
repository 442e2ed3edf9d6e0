// service NAME VERSION [KEY=VALUE...]: a go-micro v2 service as its users write one, registered until
// SIGTERM in the registry that the environment names (package registries). Prints what it registered, as JSON, once it is there.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"
	"time"

	"github.com/micro/go-micro/v2"

	"csidecar.test/gomicro/registries"
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
		micro.Registry(registries.Chosen()),
		micro.RegisterTTL(6*time.Second),
		micro.RegisterInterval(2*time.Second),
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
