module csidecar.test/gossip

go 1.16

require (
	github.com/hashicorp/memberlist v0.1.5
	github.com/micro/go-micro/v2 v2.9.1
	github.com/mitchellh/hashstructure v1.0.0
	google.golang.org/protobuf v1.25.0
)
