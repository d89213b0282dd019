using System.CommandLine;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using NetBird.WireGuard;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Standalone;

namespace NetBird.Agent.Cli.Wg;

/// <summary><c>wg</c>: a plain WireGuard interface in the foreground, apart from any login or control plane.</summary>
internal static class WgCommand
{
    private const string Userspace = "userspace";
    private const string Kernel = "kernel";

    // Ours: a file of 100,000 peers is smaller.
    private const long MostFileBytes = 64 * 1024 * 1024;

    public static Command Create()
    {
        var name = new Argument<string>("IFNAME") { Description = "Name of the interface to make." };
        var config = new Option<string?>("--config")
        {
            Description = "A wg(8) configuration file; '-' reads it from standard input.",
            HelpName = "FILE",
        };
        var tunnel = new Option<string>("--tunnel")
        {
            Description = "What carries it: our engine, or the kernel's WireGuard.",
            DefaultValueFactory = _ => Userspace,
        };
        tunnel.AcceptOnlyFromAmong(Userspace, Kernel);
        var command = new Command(
            "wg",
            """
            Run a plain WireGuard interface in the foreground, from a wg(8) file; wg show, set and syncconf work on it.

            Addresses and routes are set with ip(8). Ends with Ctrl-C, and the interface with it.
              netbird-agent wg wg0 --config /etc/wireguard/wg0.conf &
              ip address add 10.0.0.1/24 dev wg0
            """)
        {
            name,
            config,
            tunnel,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            parsed.GetRequiredValue(name),
            parsed.GetValue(config),
            parsed.GetValue(tunnel) == Kernel ? TunnelKind.Kernel : TunnelKind.Userspace,
            cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(string name, string? config, TunnelKind kind, CancellationToken cancellationToken)
    {
        var messages = Console.Error;
        byte[]? file = null;
        try
        {
            file = config is null ? null : await ReadAsync(config, cancellationToken).ConfigureAwait(false);
            using var logging = LoggerFactory.Create(builder => builder
                .SetMinimumLevel(LogLevel.Information)
                .AddSimpleConsole(options => options.SingleLine = true)
                .AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace));
            await using var plain = await PlainInterface.OpenAsync(name, kind, TimeProvider.System, logging, cancellationToken)
                .ConfigureAwait(false);
            if (file is not null)
            {
                await plain.ConfigureAsync(file, cancellationToken).ConfigureAwait(false);
                CryptographicOperations.ZeroMemory(file);
            }

            var way = plain.Kind.ToString().ToLowerInvariant();
            await messages.WriteLineAsync($"Interface {name} is up ({way}), UDP port {plain.ListenPort}. Ctrl-C removes it.").ConfigureAwait(false);
            if (file is null)
            {
                await messages.WriteLineAsync($"It has no key and no peers yet: wg setconf {name} FILE").ConfigureAwait(false);
            }

            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            return ExitCode.Done;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCode.Done;
        }
        catch (WgFileException e)
        {
            await messages.WriteLineAsync($"{config}: {e.Message}").ConfigureAwait(false);
            return ExitCode.Failed;
        }
        catch (TunnelException e) when (e.Obstacle == TunnelObstacle.NotPermitted)
        {
            // Here no tunnel does without: the one that does has no interface.
            await messages.WriteLineAsync($"Making the interface {name} needs root (CAP_NET_ADMIN): run it with sudo.").ConfigureAwait(false);
            return ExitCode.NotPermitted;
        }
        catch (TunnelException e) when (e.Obstacle == TunnelObstacle.NoDriver && kind == TunnelKind.Kernel)
        {
            await messages.WriteLineAsync(
                "This kernel has no WireGuard, or may not load its module here: use --tunnel userspace, which needs none.").ConfigureAwait(false);
            return ExitCode.Failed;
        }
        catch (Exception e) when (e is TunnelException or IOException or UnauthorizedAccessException)
        {
            await messages.WriteLineAsync(e.Message).ConfigureAwait(false);
            return e is UnauthorizedAccessException ? ExitCode.NotPermitted : ExitCode.Failed;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(file);
        }
    }

    private static async Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken)
    {
        if (path != "-")
        {
            if (Directory.Exists(path))
            {
                throw new IOException($"{path} is a folder: name a wg(8) configuration file in it.");
            }

            if (!File.Exists(path))
            {
                throw new IOException($"There is no file {path}.");
            }

            return new FileInfo(path) is { Exists: true, Length: > MostFileBytes }
                ? throw new IOException($"{path} is larger than {MostFileBytes} bytes.")
                : await File.ReadAllBytesAsync(path, cancellationToken).ConfigureAwait(false);
        }

        await using var input = Console.OpenStandardInput();
        using var text = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (await input.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is var read and > 0)
        {
            text.Write(buffer, 0, read);
            if (text.Length > MostFileBytes)
            {
                throw new IOException($"Standard input is larger than {MostFileBytes} bytes.");
            }
        }

        CryptographicOperations.ZeroMemory(buffer);
        var all = text.ToArray();
        CryptographicOperations.ZeroMemory(text.GetBuffer());
        return all;
    }
}
