// Package registries makes the registry that the environment names: REGISTRY (mdns unless set) and
// REGISTRY_ADDRESS (its addresses, between commas), all of go-micro v2 and its published plugins. Its `proxy` and
// `gossip` plugins can't be had from the module proxy: proxy.go speaks the former's words, and for gossip see
// tests/registries/gossip-peer.
package registries

import (
	"log"
	"os"
	"strings"
	"time"

	"github.com/micro/go-micro/v2/registry"
	"github.com/micro/go-micro/v2/registry/etcd"
	"github.com/micro/go-micro/v2/registry/mdns"
	"github.com/micro/go-plugins/registry/consul/v2"
	"github.com/micro/go-plugins/registry/eureka/v2"
	"github.com/micro/go-plugins/registry/nats/v2"
	"github.com/micro/go-plugins/registry/zookeeper/v2"
)

var all = map[string]func(...registry.Option) registry.Registry{
	"consul":    consul.NewRegistry,
	"etcd":      etcd.NewRegistry,
	"eureka":    eureka.NewRegistry,
	"mdns":      mdns.NewRegistry,
	"nats":      nats.NewRegistry,
	"proxy":     NewProxy,
	"zookeeper": zookeeper.NewRegistry,
}

// Chosen is the registry of the environment.
func Chosen() registry.Registry {
	name, addresses := os.Getenv("REGISTRY"), os.Getenv("REGISTRY_ADDRESS")
	if name == "" {
		name = "mdns"
	}
	make, known := all[name]
	if !known {
		log.Fatalf("REGISTRY: what is %q?", name)
	}
	var options []registry.Option
	if addresses != "" {
		options = append(options, registry.Addrs(strings.Split(addresses, ",")...))
	}
	if name == "nats" {
		options = append(options, registry.Timeout(300*time.Millisecond))
	}
	return make(options...)
}
