using System.Diagnostics;

namespace NetBird.ControlPlane.Tests.AdminApi.OpenApi;

/// <summary>A public generator makes a client of the served document, and TypeScript's compiler takes programs that use it.</summary>
public sealed class OpenApiClientTests
{
    // What a script does with the API, in the generator's types; what must not compile says so.
    private const string Program = """
        import type { paths, components } from "./api";

        type Body<P extends keyof paths, M extends "post" | "put"> =
          paths[P][M] extends { requestBody?: { content: { "application/json": infer B } } } ? B : never;
        type Answer<P extends keyof paths, M extends "get" | "post" | "put"> =
          paths[P][M] extends { responses: { 200: { content: { "application/json": infer A } } } } ? A : never;

        const person: Body<"/api/users", "post"> = { email: "ana@example.com", auto_groups: ["g"], is_service_user: false };
        const provider: Body<"/api/agent-network/providers", "post"> = { name: "P", provider_id: "anthropic_api", api_key: "sk-ant-x" };
        const policy: Partial<Body<"/api/agent-network/policies", "post">> = { name: "P", enabled: true, source_groups: ["g"], destination_provider_ids: ["p"] };
        const users: Answer<"/api/users", "get"> = [];
        const names: string[] = users.map(user => user.email);
        const role: components["schemas"]["UserAnswer"]["role"] = "admin";

        // @ts-expect-error: no such path
        type Gone = paths["/api/nothing"];
        // @ts-expect-error: a flag is no text
        const wrong: Body<"/api/users", "post"> = { email: "x", is_service_user: "no" };
        // @ts-expect-error: no such role
        const king: components["schemas"]["UserAnswer"]["role"] = "king";

        export { person, provider, policy, names, role, wrong, king };
        export type { Gone };

        """;

    [SkippableFact]
    public async Task Document_GeneratesAClient_ThatCompiles()
    {
        var modules = Environment.GetEnvironmentVariable("NETBIRD_NODE_MODULES");
        Skip.If(modules is null || !File.Exists(Path.Combine(modules, ".bin", "openapi-typescript")), "NETBIRD_NODE_MODULES names no folder with openapi-typescript.");
        using var folder = new TemporaryState();
        await using (var server = await RunningControlPlane.StartAsync())
        {
            using var http = new HttpClient { BaseAddress = server.Url };
            await File.WriteAllTextAsync(Path.Combine(folder.Path, "openapi.json"), await http.GetStringAsync("/openapi/v1.json"));
        }

        await RunAsync(folder.Path, Path.Combine(modules, ".bin", "openapi-typescript"), "openapi.json", "-o", "api.d.ts");
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "program.ts"), Program);
        await RunAsync(folder.Path, Path.Combine(modules, ".bin", "tsc"), "--strict", "--noEmit", "--skipLibCheck", "false", "--target", "es2022", "--module", "nodenext", "program.ts");
    }

    private static async Task RunAsync(string folder, params string[] command)
    {
        var start = new ProcessStartInfo("node") { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        Array.ForEach(command, start.ArgumentList.Add);
        using var process = Process.Start(start)!; // a process that cannot start throws
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{Path.GetFileName(command[0])}: {output}{await error}");
    }
}
