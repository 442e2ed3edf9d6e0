module csidecar.test/gomicro

go 1.16

require github.com/micro/go-micro/v2 v2.9.1
