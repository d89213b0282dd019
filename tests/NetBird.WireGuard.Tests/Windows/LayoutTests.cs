#pragma warning disable CA1416 // Windows code run on Linux on purpose, against a stand-in; the attribute would make SkippableFact skip it.
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using NetBird.WireGuard.Windows;

namespace NetBird.WireGuard.Tests.Windows;

/// <summary>
/// Sizes and offsets as a C compiler computes them: each of ours becomes a static assertion, and the file must compile.
/// </summary>
public sealed class LayoutTests
{
    private static readonly string Native = NativeCompiler.FolderOf("Windows");

    [SkippableTheory]
    [InlineData("gcc")]
    [InlineData("x86_64-w64-mingw32-gcc")]
    public void Structures_OfTheDriver_AreLaidOutAsInC(string compiler)
    {
        NativeCompiler.Require(compiler);

        AssertCompiles(
            compiler,
            "#include \"declarations.h\"\n",
            Assertions<NtInterface>("NtInterface")
            + Assertions<NtPeer>("NtPeer")
            + Assertions<NtAllowedIP>("NtAllowedIP")
            + Assertions<SocketAddressInet>("SocketAddressInet", fields: false));
    }

    [SkippableFact]
    public void Structures_OfTheIpHelper_AreLaidOutAsInTheWindowsHeaders()
    {
        const string Compiler = "x86_64-w64-mingw32-gcc";
        NativeCompiler.Require(Compiler);
        (string Ours, string Theirs)[] names =
        [
            ("Luid", "InterfaceLuid"), ("Mtu", "NlMtu"), ("DestinationPrefixLength", "DestinationPrefix.PrefixLength"),
            ("Destination", "DestinationPrefix.Prefix"), ("State", "dwState"), ("ProcessId", "dwOwningPid"),
            ("LocalPort", "dwLocalPort"), ("RemotePort", "dwRemotePort"),
        ];

        AssertCompiles(
            Compiler,
            """
            #define _WIN32_WINNT 0x0A00
            #include <winsock2.h>
            #include <ws2ipdef.h>
            #include <iphlpapi.h>
            #include <netioapi.h>
            #include <stddef.h>

            """,
            Assertions<IpHelper.UnicastRow>("MIB_UNICASTIPADDRESS_ROW", names: names)
            + Assertions<IpHelper.ForwardRow>("MIB_IPFORWARD_ROW2", names: names)
            + Assertions<IpHelper.InterfaceRow>("MIB_IPINTERFACE_ROW", names: names)
            + Assertions<TcpTable.Row4>("MIB_TCPROW_OWNER_PID", names: [.. names, ("LocalAddress", "dwLocalAddr"), ("RemoteAddress", "dwRemoteAddr")])
            + Assertions<TcpTable.Row6>("MIB_TCP6ROW_OWNER_PID", names: [.. names, ("LocalAddress", "ucLocalAddr"), ("RemoteAddress", "ucRemoteAddr")])
            + "_Static_assert(offsetof(MIB_TCPTABLE_OWNER_PID, table) == 4 && offsetof(MIB_TCP6TABLE_OWNER_PID, table) == 4, \"rows\");\n"
            + "_Static_assert(TCP_TABLE_OWNER_PID_ALL == 5 && MIB_TCP_STATE_LISTEN == 2 && TokenUser == 1 && TokenElevation == 20, \"numbers\");\n"
            + "_Static_assert(PROCESS_QUERY_LIMITED_INFORMATION == 0x1000 && TOKEN_QUERY == 8 && offsetof(TOKEN_USER, User.Sid) == 0 && SECURITY_MAX_SID_SIZE == 68, \"numbers\");\n"
            + Assertions<SocketAddressInet>("SOCKADDR_INET", fields: false));
    }

    [SkippableFact]
    public void Assertion_ThatIsWrong_DoesNotCompile()
    {
        NativeCompiler.Require("gcc");

        Assert.NotEmpty(Compile("gcc", "#include \"declarations.h\"\n_Static_assert(sizeof(NtInterface) == 76, \"\");\n"));
    }

    private static void AssertCompiles(string compiler, string headers, string assertions)
    {
        var errors = Compile(compiler, headers + assertions);
        Assert.True(errors.Length == 0, errors);
    }

    private static string Compile(string compiler, string source)
    {
        var file = Path.Combine(Path.GetTempPath(), $"netbird-layout-{Guid.NewGuid():N}.c");
        try
        {
            File.WriteAllText(file, source);
            return NativeCompiler.Run(compiler, Native, "-std=c11", "-fsyntax-only", "-I", Native, file);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Assertions<T>(string type, bool fields = true, (string Ours, string Theirs)[]? names = null)
        where T : unmanaged
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"_Static_assert(sizeof({type}) == {Unsafe.SizeOf<T>()}, \"size\");");
        foreach (var field in fields ? typeof(T).GetFields(BindingFlags.Instance | BindingFlags.Public) : [])
        {
            var offset = field.GetCustomAttribute<FieldOffsetAttribute>()!.Value;
            Assert.Equal(offset, (int)Marshal.OffsetOf<T>(field.Name));
            var theirs = names?.FirstOrDefault(pair => pair.Ours == field.Name).Theirs ?? field.Name;
            text.AppendLine(CultureInfo.InvariantCulture, $"_Static_assert(offsetof({type}, {theirs}) == {offset}, \"{field.Name}\");");
        }

        return text.ToString();
    }
}
