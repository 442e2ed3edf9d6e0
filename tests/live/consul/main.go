// The real Consul's agent, and nothing else of it, from its published modules: 1.13 is the last line whose modules all stand
// in Go's checksum database, and it is under the MPL 2.0.
//
//	consul -dev -http-port 8500 ...    as `consul agent` takes it
package main

import (
	"os"

	"github.com/hashicorp/consul/command/agent"
	"github.com/hashicorp/consul/command/cli"
	mcli "github.com/mitchellh/cli"
)

func main() {
	ui := &cli.BasicUI{BasicUi: mcli.BasicUi{Writer: os.Stdout, ErrorWriter: os.Stderr}}
	os.Exit(agent.New(ui).Run(os.Args[1:]))
}
