//go:build tools

package fakegcs

import _ "github.com/fsouza/fake-gcs-server"
