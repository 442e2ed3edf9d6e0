module csidecar.test/gomicro

go 1.16

require (
	github.com/gorilla/websocket v1.4.1
	github.com/micro/go-micro/v2 v2.9.1
	github.com/micro/go-plugins/registry/consul/v2 v2.9.1
	github.com/micro/go-plugins/registry/eureka/v2 v2.9.1
	github.com/micro/go-plugins/registry/nats/v2 v2.9.1
	github.com/micro/go-plugins/registry/zookeeper/v2 v2.9.1
)

replace google.golang.org/grpc => google.golang.org/grpc v1.26.0
