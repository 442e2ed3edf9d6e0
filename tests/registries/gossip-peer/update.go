package main

import "google.golang.org/protobuf/encoding/protowire"

const (
	service_ = 1 // the type of an Update

	create = 1
	remove = 2

	contentType = "Content-Type"
	jsonType    = "application/json"
)

// go-micro's Update, field by field: its generated code is in no module proxy.
type update struct {
	expires uint64
	kind    uint64
	action  uint64
	content string
	data    []byte
}

func encode(u *update) []byte {
	pair := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), contentType)
	pair = protowire.AppendString(protowire.AppendTag(pair, 2, protowire.BytesType), jsonType)
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), u.expires)
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), service_)
	b = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), u.action)
	b = protowire.AppendBytes(protowire.AppendTag(b, 6, protowire.BytesType), pair)
	return protowire.AppendBytes(protowire.AppendTag(b, 7, protowire.BytesType), u.data)
}

func (u *update) takePair(b []byte) {
	var texts [3]string
	for len(b) > 0 {
		number, _, n := protowire.ConsumeTag(b)
		if n < 0 || number > 2 {
			return
		}
		text, m := protowire.ConsumeString(b[n:])
		if m < 0 {
			return
		}
		texts[number] = text
		b = b[n+m:]
	}
	if texts[1] == contentType {
		u.content = texts[2]
	}
}

func (u *update) takeNumber(field protowire.Number, value uint64) {
	switch field {
	case 1:
		u.expires = value
	case 2:
		u.kind = value
	case 3:
		u.action = value
	}
}

func (u *update) takeBytes(field protowire.Number, value []byte) {
	switch field {
	case 6:
		u.takePair(value)
	case 7:
		u.data = value
	}
}

// Of what go-micro would take: services in JSON.
func decode(b []byte) (*update, bool) {
	u := new(update)
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, false
		}
		b = b[n:]
		switch kind {
		case protowire.VarintType:
			value, m := protowire.ConsumeVarint(b)
			u.takeNumber(field, value)
			n = m
		case protowire.BytesType:
			value, m := protowire.ConsumeBytes(b)
			u.takeBytes(field, value)
			n = m
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return nil, false
		}
		b = b[n:]
	}
	return u, u.kind == service_ && u.content == jsonType
}
