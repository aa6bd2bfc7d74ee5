import assert from 'node:assert/strict'
import { test } from 'node:test'
import { valuesIn } from './pip-settings.ts'

test('what pip says of its configuration is read, from files and from the environment', () => {
  const said = `env_var:
  PIP_EXTRA_INDEX_URL='https://a.example/simple https://b.example/simple'
  PIP_CERT="/home/o'brien/ca.pem"
env:
global:
  /etc/pip.conf, exists: True
    global.index-url: https://me:word@pip.example/simple
    global.extra-index-url: 
https://c.example/simple
https://d.example/simple
    install.find-links: /opt/wheels
site:
  /usr/pip.conf, exists: False
user:
  /home/me/.config/pip/pip.conf, exists: True
    global.proxy: http://proxy.example:3128
`
  assert.deepEqual(valuesIn(said), [
    ['index-url', 'https://me:word@pip.example/simple'],
    ['extra-index-url', '\nhttps://c.example/simple\nhttps://d.example/simple'],
    ['find-links', '/opt/wheels'],
    ['proxy', 'http://proxy.example:3128'],
    ['extra-index-url', 'https://a.example/simple https://b.example/simple'],
    ['cert', "/home/o'brien/ca.pem"],
  ])
})
