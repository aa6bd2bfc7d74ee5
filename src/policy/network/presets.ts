import type { NetworkRule, Side } from '../network.ts'
import { everyPort } from './ports.ts'
import { mistake, type Reading } from './reading.ts'
import { readRule } from './rule.ts'

/** Names that belong together, so that nobody has to collect them: exact ones, nothing wider. */
export interface Preset {
  /** What it is for, for people. */
  readonly about: string
  /** Rules, without a wildcard. */
  readonly hosts: readonly string[]
}

/** `preset:npm`: behind the colon of a host stand numbers, so that no host can be meant; `preset:443` is one. */
const prefix = 'preset:'

export function isPreset(text: string): boolean {
  return text.startsWith(prefix) && /^[a-z]/i.test(text.slice(prefix.length))
}

/** The rules of a preset, each with the preset as its text: that is what its owner has written. */
export function readPreset(text: string, side: Side): Reading<readonly NetworkRule[]> {
  const name = text.slice(prefix.length)
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined
  if (preset === undefined) {
    return mistake('is no preset that there is', `choose from ${Object.keys(presets).join(', ')}`)
  }
  const rules = preset.hosts.map((host) => {
    const rule = readRule(host, side)
    if (rule.mistake !== undefined) throw new RangeError(`${text}: ${host} ${rule.mistake.why}`)
    return { ...rule.value, text, ...(side === 'deny' && { ports: everyPort }) }
  })
  return { value: rules }
}

/** Packages that are fetched over plain HTTP too are signed, and their tools ask for them so by default. */
const both = (name: string): string => `${name}:80,443`

export const presets: Readonly<Record<string, Preset>> = {
  anthropic: { about: 'the API of Anthropic', hosts: ['api.anthropic.com'] },
  openai: { about: 'the API of OpenAI', hosts: ['api.openai.com'] },
  gemini: { about: 'the API of Gemini', hosts: ['generativelanguage.googleapis.com'] },
  mistral: { about: 'the API of Mistral', hosts: ['api.mistral.ai'] },
  openrouter: { about: 'the API of OpenRouter', hosts: ['openrouter.ai'] },
  huggingface: {
    about: 'models and data sets of Hugging Face',
    hosts: [
      'huggingface.co',
      'cas-server.xethub.hf.co',
      'cas-server.xethub-eu.hf.co',
      'transfer.xethub.hf.co',
      'transfer.xethub-eu.hf.co',
      'cdn-lfs.hf.co',
      'cdn-lfs-us-1.hf.co',
      'cdn-lfs-eu-1.hf.co',
      'aws.cdn.hf.co',
      'us.aws.cdn.hf.co',
      'us-east-1.aws.cdn.hf.co',
      'us-west-2.aws.cdn.hf.co',
      'eu-west-3.aws.cdn.hf.co',
      'ap-southeast-1.aws.cdn.hf.co',
      'us.gcp.cdn.hf.co',
      'us-east1.us.gcp.cdn.hf.co',
      'us-central1.us.gcp.cdn.hf.co',
      'us-west4.us.gcp.cdn.hf.co',
      'europe-west4.us.gcp.cdn.hf.co',
      'asia-southeast1.us.gcp.cdn.hf.co',
    ],
  },
  github: {
    about: 'GitHub: git over HTTPS, its API, releases and raw files',
    hosts: [
      'github.com',
      'api.github.com',
      'codeload.github.com',
      'uploads.github.com',
      'raw.githubusercontent.com',
      'gist.githubusercontent.com',
      'objects.githubusercontent.com',
      'release-assets.githubusercontent.com',
      'media.githubusercontent.com',
      'github-cloud.githubusercontent.com',
    ],
  },
  ghcr: {
    about: 'container images of GitHub',
    hosts: ['ghcr.io', 'pkg-containers.githubusercontent.com'],
  },
  gitlab: { about: 'gitlab.com: git over HTTPS, its API and packages', hosts: ['gitlab.com'] },
  bitbucket: { about: 'Bitbucket: git over HTTPS and its API', hosts: ['bitbucket.org', 'api.bitbucket.org'] },
  npm: { about: 'packages of npm', hosts: ['registry.npmjs.org'] },
  yarn: { about: 'packages of npm by the name that Yarn 1 asks', hosts: ['registry.yarnpkg.com'] },
  jsr: { about: 'packages of JSR', hosts: ['jsr.io', 'npm.jsr.io'] },
  nodejs: { about: 'releases and headers of Node.js', hosts: ['nodejs.org'] },
  pypi: { about: 'packages of PyPI', hosts: ['pypi.org', 'files.pythonhosted.org'] },
  conda: { about: 'packages of Conda', hosts: ['conda.anaconda.org', 'repo.anaconda.com'] },
  crates: { about: 'crates of Rust', hosts: ['index.crates.io', 'static.crates.io', 'crates.io'] },
  rust: { about: 'toolchains of Rust', hosts: ['static.rust-lang.org'] },
  go: { about: 'modules of Go and their checksums', hosts: ['proxy.golang.org', 'sum.golang.org'] },
  rubygems: { about: 'gems of Ruby', hosts: ['rubygems.org', 'index.rubygems.org'] },
  maven: { about: 'Maven Central', hosts: ['repo.maven.apache.org', 'repo1.maven.org'] },
  gradle: {
    about: 'plugins and releases of Gradle',
    hosts: ['plugins.gradle.org', 'plugins-artifacts.gradle.org', 'services.gradle.org', 'downloads.gradle.org'],
  },
  nuget: { about: 'packages of NuGet', hosts: ['api.nuget.org'] },
  packagist: {
    about: 'the index of Composer; most packages are on GitHub',
    hosts: ['repo.packagist.org', 'packagist.org'],
  },
  hex: { about: 'packages of Hex', hosts: ['hex.pm', 'repo.hex.pm'] },
  debian: { about: 'packages of Debian', hosts: [both('deb.debian.org'), both('security.debian.org')] },
  ubuntu: {
    about: 'packages of Ubuntu',
    hosts: [both('archive.ubuntu.com'), both('security.ubuntu.com'), both('ports.ubuntu.com')],
  },
  alpine: { about: 'packages of Alpine', hosts: [both('dl-cdn.alpinelinux.org')] },
  dockerhub: {
    about: 'images of Docker Hub',
    hosts: [
      'registry-1.docker.io',
      'auth.docker.io',
      'index.docker.io',
      'hub.docker.com',
      'production.cloudflare.docker.com',
      'production.cloudfront.docker.com',
      'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com',
    ],
  },
  playwright: {
    about: 'browsers for Playwright',
    hosts: ['cdn.playwright.dev', 'playwright.download.prss.microsoft.com'],
  },
}
