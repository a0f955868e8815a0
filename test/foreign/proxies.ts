import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { choosePort, createTemporaryFolder } from '@vss-pipeline/local-stack'
import { onTestFinished } from 'vitest'
import { startListening } from '../support/listening-program.ts'

interface Proxy {
  name: string
  /** Idle seconds after which the proxy has closed all its connections to ingest, as docs/deploying.md says. */
  keepsIdleSeconds: { least: number; most: number }
  /** @param folder where the proxy may write */
  configuration(ports: { listen: number; ingest: number }, folder: string): string
  command(file: string, folder: string): string[]
}

/** Each proxy is set up as its manual shows, and as docs/deploying.md asks. */
export const proxies: readonly Proxy[] = [
  {
    name: 'nginx',
    keepsIdleSeconds: { least: 59, most: 65 },
    configuration: ({ listen, ingest }, folder) => `
      daemon off;
      pid ${folder}/nginx.pid;
      error_log ${folder}/error.log;
      ${process.getuid?.() === 0 ? 'user root;' : ''}
      events { worker_connections 4096; }
      http {
        access_log off;
        client_body_temp_path ${folder}/body;
        proxy_temp_path ${folder}/proxy;
        fastcgi_temp_path ${folder}/fastcgi;
        uwsgi_temp_path ${folder}/uwsgi;
        scgi_temp_path ${folder}/scgi;
        upstream ingest { server 127.0.0.1:${ingest}; keepalive 64; }
        server {
          listen 127.0.0.1:${listen};
          location / {
            proxy_pass http://ingest;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          }
        }
      }`,
    command: (file, folder) => ['nginx', '-p', folder, '-c', file],
  },
  {
    name: 'haproxy',
    // HAProxy closes half of its idle connections every 5 s.
    keepsIdleSeconds: { least: 5, most: 60 },
    configuration: ({ listen, ingest }) => `
defaults
  mode http
  option forwardfor
  timeout connect 5s
  timeout client 50s
  timeout server 50s
frontend webhook
  bind 127.0.0.1:${listen}
  default_backend ingest
backend ingest
  server ingest 127.0.0.1:${ingest}
`,
    command: (file) => ['haproxy', '-db', '-f', file],
  },
  {
    name: 'caddy',
    keepsIdleSeconds: { least: 119, most: 125 },
    configuration: ({ listen, ingest }) => `
{
  admin off
  auto_https off
}
http://127.0.0.1:${listen} {
  reverse_proxy 127.0.0.1:${ingest}
}
`,
    command: (file) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', file],
  },
]

/** Starts a proxy in front of ingest. It stops when the test has finished. @returns the URL to post to. */
export async function startProxy(proxy: Proxy, webhookUrl: string): Promise<string> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const { port: ingest, pathname } = new URL(webhookUrl)
  const listen = await choosePort(0)
  const file = join(folder.path, 'proxy.conf')
  mkdirSync(join(folder.path, 'logs'))
  writeFileSync(file, proxy.configuration({ listen, ingest: Number(ingest) }, folder.path))

  await startListening({
    command: proxy.command(file, folder.path),
    port: listen,
    env: { HOME: folder.path, XDG_DATA_HOME: folder.path, XDG_CONFIG_HOME: folder.path },
  })
  return `http://127.0.0.1:${listen}${pathname}`
}
