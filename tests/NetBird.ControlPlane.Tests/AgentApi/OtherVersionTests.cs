using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using NetBird.ControlPlane.Users;
using NetBird.Protocol.Agent.V1;
using NetBird.Protocol.Budget.V1;

namespace NetBird.ControlPlane.Tests.AgentApi;

/// <summary>Agents older and newer than this control plane: what they leave out has a meaning, what they say more is let be.</summary>
public sealed class OtherVersionTests : IAsyncLifetime
{
    private RunningControlPlane _server = null!; // made in InitializeAsync
    private TestAgent _agent = null!;
    private User _ana = null!;

    public async Task InitializeAsync()
    {
        _server = await RunningControlPlane.StartAsync();
        _agent = new(_server.Url);
        _ana = await _server.AddPersonAsync("ana@example.com");
    }

    public async Task DisposeAsync()
    {
        _agent.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task OldAgent_ThatSaysNothingOfItself_EnrolsSyncsAndIsEndedWhenDisabled()
    {
        var request = await _agent.EnrolRequestAsync(await _agent.LogInAsync("ana@example.com"));
        request.Machine = null;
        await _agent.Client.EnrolAsync(request);

        // Without stays_while_blocked: a message it could not read must not come; its stream ends with the reason.
        using var sync = _agent.Client.Sync(new SyncRequest(), await _agent.ProofAsync("Sync"));
        Assert.True(await sync.ResponseStream.MoveNext(default));
        Assert.Equal(SyncUpdate.UpdateOneofCase.Map, sync.ResponseStream.Current.UpdateCase);
        await _server.ChangeAsync(_ana, user => user with { Status = UserStatus.Disabled });
        var ended = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await sync.ResponseStream.MoveNext(default))
            {
                Assert.NotEqual(SyncUpdate.UpdateOneofCase.Blocked, sync.ResponseStream.Current.UpdateCase);
            }
        });

        Assert.Equal(StatusCode.PermissionDenied, ended.StatusCode);
    }

    [Fact]
    public async Task NewAgent_WithFieldsThatWeDoNotKnow_IsServedAsIfTheyWereNotThere()
    {
        var request = await _agent.EnrolRequestAsync(await _agent.LogInAsync("ana@example.com"));
        request.Machine = WithMore(TestAgent.Laptop);
        await _agent.Client.EnrolAsync(WithMore(request));

        using var sync = _agent.Client.Sync(WithMore(new SyncRequest { Machine = WithMore(TestAgent.Laptop), StaysWhileBlocked = true }), await _agent.ProofAsync("Sync"));
        Assert.True(await sync.ResponseStream.MoveNext(default));
        var budget = await _agent.Client.GetBudgetAsync(WithMore(new GetBudgetRequest()), await _agent.ProofAsync("GetBudget"));

        Assert.Equal("ana@example.com", sync.ResponseStream.Current.Map.UserEmail);
        Assert.NotNull(budget.Day);
        Assert.Equal("laptop", Assert.Single(_server.Store.Current.Peers.Values).Hostname);
    }

    [Fact]
    public void NewControlPlane_WithFieldsThatAnAgentDoesNotKnow_IsReadAsIfTheyWereNotThere()
    {
        var map = NetworkMap.Parser.ParseFrom(WithMore(new NetworkMap { UserName = "Ana", Mtu = 1420 }).ToByteArray());
        var unknown = SyncUpdate.Parser.ParseFrom(WithMore(new SyncUpdate()).ToByteArray());

        Assert.Equal("Ana", map.UserName);
        Assert.Equal(SyncUpdate.UpdateOneofCase.None, unknown.UpdateCase);
    }

    /// <summary>What was ever in a release is still there, under its number and of its kind.</summary>
    [Fact]
    public void Fields_AreOnlyEverAdded()
    {
        var now = Fields(AgentReflection.Descriptor).Concat(Fields(BudgetReflection.Descriptor)).ToHashSet(StringComparer.Ordinal);
        var released = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "agent-v1.fields"));

        Assert.True(released.Length > 60);
        Assert.Empty(released.Except(now));
    }

    private static IEnumerable<string> Fields(FileDescriptor file)
        => file.MessageTypes.SelectMany(message => message.Fields.InDeclarationOrder().Select(field => $"{message.Name} {field.FieldNumber} {field.Name} {field.FieldType} {(field.IsRepeated ? "repeated" : "single")}"))
            .Concat(file.Services.SelectMany(service => service.Methods.Select(method => $"{service.Name}.{method.Name} {method.InputType.Name} {method.OutputType.Name} {(method.IsServerStreaming ? "stream" : "single")}")));

    /// <summary>The same message with a number, a text and a message of field numbers that no version has yet.</summary>
    private static T WithMore<T>(T message)
        where T : IMessage<T>, new()
    {
        using var bytes = new MemoryStream();
        message.WriteTo(bytes);
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
        {
            output.WriteTag(1001, WireFormat.WireType.Varint);
            output.WriteInt64(7);
            output.WriteTag(1002, WireFormat.WireType.LengthDelimited);
            output.WriteString("from the future");
            output.WriteTag(1003, WireFormat.WireType.Fixed64);
            output.WriteFixed64(1);
        }

        var whole = new MessageParser<T>(() => new T()).ParseFrom(bytes.ToArray());
        Assert.True(whole.CalculateSize() > message.CalculateSize(), "The unknown fields are not sent.");
        return whole;
    }
}
