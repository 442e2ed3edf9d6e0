package main

import "context"

// Request and Response are plain structs: go-micro describes them in the endpoint it registers.
type Request struct {
	Name string `json:"name"`
}

type Response struct {
	Message string `json:"message"`
}

type Greeter struct{}

func (*Greeter) Hello(ctx context.Context, request *Request, response *Response) error {
	response.Message = "hello " + request.Name
	return nil
}
