using Google.Protobuf;
using Grpc.Core;
using NetBird.ControlPlane.Tests.AgentApi;
using NetBird.Protocol.Agent.V1;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Tests.Hostile;

/// <summary>One call of the agents' gRPC that nobody should get through.</summary>
/// <param name="What">For the report.</param>
/// <param name="Code">What it is refused with.</param>
/// <param name="Call">The call, by an agent with a fresh key.</param>
internal sealed record AgentRow(string What, StatusCode Code, Func<HostileWorld, TestAgent, Task> Call);

/// <summary>Missing, forged, stolen and repeated proofs at every method that needs one, machines that may not go on, and hostile enrolments.</summary>
internal static class AgentRows
{
    private static readonly string[] Methods = ["RenewLogin", "Sync", "Leave", "GetBudget", "IssueEndpointCertificate"];

    public static List<AgentRow> All()
    {
        var rows = new List<AgentRow>();
        foreach (var method in Methods)
        {
            Proofs(rows, method);
        }

        foreach (var (machine, method, code) in ((string, string, StatusCode)[])
        [
            ("blocked", "Sync", StatusCode.PermissionDenied), ("blocked", "GetBudget", StatusCode.PermissionDenied),
            ("blocked", "RenewLogin", StatusCode.PermissionDenied), ("blocked", "IssueEndpointCertificate", StatusCode.PermissionDenied),
            ("unapproved", "Sync", StatusCode.PermissionDenied), ("unapproved", "GetBudget", StatusCode.PermissionDenied),
            ("disabled", "Sync", StatusCode.PermissionDenied), ("disabled", "GetBudget", StatusCode.PermissionDenied),
            ("disabled", "RenewLogin", StatusCode.PermissionDenied), ("expired", "Sync", StatusCode.FailedPrecondition),
            ("expired", "IssueEndpointCertificate", StatusCode.FailedPrecondition), ("standing", "IssueEndpointCertificate", StatusCode.FailedPrecondition),
        ])
        {
            rows.Add(new($"{method} by a machine that is {machine}", code, async (world, agent) =>
            {
                using var known = new TestAgent(agent.Url) { Key = Clone(world.Machines[machine]) };
                await CallAsync(known, method, await known.ProofAsync(method));
            }));
        }

        Renewals(rows);
        Enrolments(rows);
        return rows;
    }

    private static void Proofs(List<AgentRow> rows, string method)
    {
        void Row(string what, StatusCode code, Func<HostileWorld, TestAgent, Task<Metadata>> proof) => rows.Add(new(
            $"{method} with {what}", code, async (world, agent) => await CallAsync(agent, method, await proof(world, agent))));
        Row("no proof", StatusCode.Unauthenticated, (_, _) => Task.FromResult(new Metadata()));
        Row("a key nobody enrolled", StatusCode.NotFound, (_, agent) => agent.ProofAsync(method));
        Row("a proof by another key", StatusCode.Unauthenticated, (world, agent) => StolenAsync(world, agent, method, sign: agent.Key));
        Row("a proof for another method", StatusCode.Unauthenticated, (world, agent) => StolenAsync(world, agent, method == "Leave" ? "Sync" : "Leave"));
        Row("a nonce that was never given", StatusCode.Unauthenticated, (world, agent) => StolenAsync(world, agent, method, nonce: Convert.ToBase64String(new byte[56])));
        Row("an injected nonce", StatusCode.Unauthenticated, (world, agent) => StolenAsync(world, agent, method, nonce: "' OR 1=1 --"));
        Row("a key that is none", StatusCode.Unauthenticated, async (_, agent) => Changed(await agent.ProofAsync(method), "netbird-peer-key", "../../etc/passwd"));
        Row("a proof cut short", StatusCode.Unauthenticated, async (world, agent) => Cut(await StolenAsync(world, agent, method)));
        rows.Add(new($"{method} with a proof used before", StatusCode.Unauthenticated, async (world, agent) =>
        {
            // By an expired machine: the first time is refused for that, after the proof was taken.
            using var known = new TestAgent(agent.Url) { Key = Clone(world.Machines[method is "Leave" or "GetBudget" or "RenewLogin" ? "blocked" : "expired"]) };
            var proof = await known.ProofAsync(method == "Leave" ? "GetBudget" : method);
            await Assert.ThrowsAsync<RpcException>(() => CallAsync(known, method == "Leave" ? "GetBudget" : method, proof));
            await CallAsync(known, method, proof);
        }));
    }

    private static void Renewals(List<AgentRow> rows)
    {
        foreach (var (what, token, code) in ((string, string, StatusCode)[])
        [
            ("no token", "", StatusCode.InvalidArgument), ("noise", "nonsense", StatusCode.Unauthenticated),
            ("alg none", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEifQ.", StatusCode.Unauthenticated),
            ("a huge token", new string('e', 150_000), StatusCode.InvalidArgument), ("dots", "...", StatusCode.Unauthenticated),
        ])
        {
            rows.Add(new("RenewLogin with " + what, code, async (world, agent) =>
            {
                using var known = new TestAgent(agent.Url) { Key = Clone(world.Machines["standing"]) };
                await known.Client.RenewLoginAsync(new() { IdToken = token }, await known.ProofAsync("RenewLogin"));
            }));
        }
    }

    private static void Enrolments(List<AgentRow> rows)
    {
        void Enrol(string what, StatusCode code, string? idToken, string? setupKey, Action<EnrolRequest>? spoil = null) => rows.Add(new(
            "Enrol with " + what, code, async (world, agent) =>
            {
                var request = await agent.EnrolRequestAsync(idToken, setupKey is { } named && named.StartsWith("setup key", StringComparison.Ordinal) ? world.Authorization(named) : setupKey);
                spoil?.Invoke(request);
                await agent.Client.EnrolAsync(request);
            }));
        foreach (var bytes in (int[])[0, 1, 31, 33, 4096])
        {
            Enrol($"a key of {bytes} bytes", StatusCode.InvalidArgument, null, "nbs_x", request => request.PublicKey = ByteString.CopyFrom(new byte[bytes]));
        }

        Enrol("a key of zeros", StatusCode.Unauthenticated, null, "nbs_x", request => request.PublicKey = ByteString.CopyFrom(new byte[32]));
        Enrol("nothing", StatusCode.InvalidArgument, null, null);
        Enrol("an empty token", StatusCode.InvalidArgument, "", null);
        Enrol("an empty setup key", StatusCode.InvalidArgument, null, "");
        Enrol("a token of 150 KB", StatusCode.InvalidArgument, new string('e', 150_000), null);
        Enrol("a message of 1 MB", StatusCode.ResourceExhausted, null, new string('s', 1_000_000));
        Enrol("an empty proof", StatusCode.Unauthenticated, null, "nbs_x", request => request.Proof = ByteString.Empty);
        Enrol("a proof of noise", StatusCode.Unauthenticated, null, "nbs_x", request => request.Proof = ByteString.CopyFrom(new byte[32]));
        Enrol("a huge proof", StatusCode.Unauthenticated, null, "nbs_x", request => request.Proof = ByteString.CopyFrom(new byte[100_000]));
        Enrol("a nonce of its own", StatusCode.Unauthenticated, null, "nbs_x", request => request.Nonce = "AAAA");
        Enrol("a secret put in after the proof", StatusCode.Unauthenticated, null, "nbs_x", request => request.SetupKey = "nbs_y");
        Enrol("a key put in after the proof", StatusCode.Unauthenticated, null, "nbs_x", request => request.PublicKey = ByteString.CopyFrom([.. Enumerable.Repeat((byte)9, 32)]));
        foreach (var (what, token) in ((string, string)[])
        [
            ("noise", "nonsense"), ("two dots", ".."), ("alg none", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEifQ."),
            ("alg HS256", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.AAAA"), ("a deep header", Deep()), ("injection", "' OR '1'='1"),
        ])
        {
            Enrol("an ID token of " + what, StatusCode.Unauthenticated, token, null);
        }

        foreach (var (what, code) in ((string, StatusCode)[])
        [
            ("setup key revoked", StatusCode.Unauthenticated), ("setup key expired", StatusCode.Unauthenticated),
            ("setup key used up", StatusCode.Unauthenticated), ("setup key of a disabled user", StatusCode.PermissionDenied),
            ("nbs_000000000000000000000000000000000000", StatusCode.Unauthenticated), ("nbp_000000000000000000000000000000000000", StatusCode.Unauthenticated),
            ("' OR 1=1 --", StatusCode.Unauthenticated), ("nbs_\u0000", StatusCode.Unauthenticated), ("${jndi:ldap://x}", StatusCode.Unauthenticated),
        ])
        {
            Enrol("the setup key " + what, code, null, what);
        }

        Enrol("a machine that says 200 KB of itself", StatusCode.ResourceExhausted, null, "setup key revoked", request => request.Machine.Hostname = new string('h', 200_000));
        Enrol("a machine that says SQL of itself", StatusCode.Unauthenticated, null, "setup key revoked", request => request.Machine.Hostname = "'; DROP TABLE netbird_documents; --");
        rows.Add(new("Enrol of somebody else's key", StatusCode.Unauthenticated, async (world, agent) =>
        {
            var request = await agent.EnrolRequestAsync(setupKey: "nbs_x");
            request.PublicKey = ByteString.CopyFrom(world.Machines["standing"].PublicKey.ToArray());
            await agent.Client.EnrolAsync(request);
        }));
    }

    /// <summary>A header of a thousand objects in each other.</summary>
    private static string Deep()
        => Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode(string.Concat(Enumerable.Repeat("{\"a\":", 1000)) + "1" + new string('}', 1000)) + ".e30.AAAA";

    /// <summary>A proof in the name of the standing machine, by whoever has its public key alone.</summary>
    private static async Task<Metadata> StolenAsync(HostileWorld world, TestAgent agent, string method, PrivateKey? sign = null, string? nonce = null)
    {
        // What is sworn is right but for the one thing that is tried.
        using var known = new TestAgent(agent.Url) { Key = Clone(world.Machines["standing"]) };
        return await known.ProofAsync(method, nonce, sign);
    }

    private static Metadata Changed(Metadata proof, string name, string value)
    {
        proof.Remove(proof.Get(name)!); // the proof has it
        proof.Add(name, value);
        return proof;
    }

    private static Metadata Cut(Metadata proof)
    {
        var whole = proof.GetValueBytes("netbird-proof-bin")!; // the proof has it
        proof.Remove(proof.Get("netbird-proof-bin")!);
        proof.Add("netbird-proof-bin", whole[..^1]);
        return proof;
    }

    // An agent disposes of its key.
    private static PrivateKey Clone(PrivateKey key)
    {
        var bytes = new byte[PrivateKey.Size];
        key.Export(bytes);
        return new(bytes);
    }

    private static async Task CallAsync(TestAgent agent, string method, Metadata proof)
    {
        switch (method)
        {
            case "RenewLogin":
                await agent.Client.RenewLoginAsync(new() { IdToken = "x" }, proof);
                break;
            case "Sync":
                using (var call = agent.Client.Sync(new SyncRequest { Machine = TestAgent.Laptop }, proof))
                {
                    await call.ResponseStream.MoveNext(new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token);
                }

                break;
            case "Leave":
                await agent.Client.LeaveAsync(new(), proof);
                break;
            case "GetBudget":
                await agent.Client.GetBudgetAsync(new(), proof);
                break;
            default:
                await agent.Client.IssueEndpointCertificateAsync(new() { CertificateRequest = ByteString.CopyFrom(TestAgent.SigningRequest()) }, proof);
                break;
        }
    }
}
