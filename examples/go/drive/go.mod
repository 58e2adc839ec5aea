module viam_session_bridge.example/drive

go 1.25.10

require (
	github.com/golang/geo v0.0.0-20230421003525-6adc56603217
	go.viam.com/rdk v1.4.0
	go.viam.com/utils v0.10.1
)

// rdk replaces this module, and a replacement counts only in the main module.
replace github.com/hashicorp/go-getter => github.com/viam-labs/go-getter v0.0.0-20251022162721-98d73b852c8a
