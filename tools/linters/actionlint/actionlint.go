//go:build tools

package linter

import _ "github.com/rhysd/actionlint/cmd/actionlint"
