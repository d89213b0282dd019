using System.Net;

namespace Benchmarks.Gateway.Subjects;

/// <summary>nginx as an upstream that answers 2 KB, and as the plainest proxy there is.</summary>
internal sealed class Nginx : IDisposable
{
    private readonly string _folder;

    private Nginx(string folder, Child child)
    {
        _folder = folder;
        Process = child;
    }

    /// <summary>An answer of 2 KB.</summary>
    public static string Answer { get; } = """{"model":"claude-opus-5-5","id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"%"}],"stop_reason":"end_turn","usage":{"input_tokens":500,"cache_creation_input_tokens":30,"cache_read_input_tokens":60,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":10},"output_tokens":350,"service_tier":"standard"}}"""
            .Replace("%", new string('w', 1640), StringComparison.Ordinal);

    public int Port => Process.Port;

    public Child Process { get; }

    public static Task<Nginx> UpstreamAsync(Place place)
    {
        return StartAsync(place.Bind, $$"""
            location / {
              client_max_body_size 64m;
              add_header request-id req_bench;
              default_type application/json;
              return 200 '{{Answer}}';
            }
            """, "");
    }

    public static Task<Nginx> ProxyAsync(Uri upstream)
        => StartAsync(IPAddress.Loopback, """
            location / {
              client_max_body_size 64m;
              client_body_buffer_size 8m;
              proxy_pass http://up;
              proxy_http_version 1.1;
              proxy_set_header Connection "";
              proxy_set_header x-api-key sk-ant-bench;
              proxy_buffering off;
            }
            """, $"upstream up {{ server {upstream.Authority}; keepalive 64; keepalive_requests 1000000; }}");

    public void Dispose()
    {
        Process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<Nginx> StartAsync(IPAddress address, string location, string before)
    {
        var port = Child.FreePort();
        var folder = Directory.CreateTempSubdirectory("netbird-bench-").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "nginx.conf"), $$"""
            worker_processes auto;
            daemon off;
            pid {{folder}}/pid;
            error_log {{folder}}/error.log;
            events { worker_connections 4096; }
            http {
              access_log off;
              client_body_temp_path {{folder}}/body; proxy_temp_path {{folder}}/proxy; fastcgi_temp_path {{folder}}/f; uwsgi_temp_path {{folder}}/u; scgi_temp_path {{folder}}/s;
              keepalive_requests 100000000;
              {{before}}
              server { listen {{address}}:{{port}}; {{location}} }
            }
            """);
        return new(folder, await Child.StartAsync(new(IPAddress.Loopback, port), "nginx", ["-p", folder, "-c", Path.Combine(folder, "nginx.conf")]));
    }
}
