module csidecar.test/fakes/consul

go 1.19
