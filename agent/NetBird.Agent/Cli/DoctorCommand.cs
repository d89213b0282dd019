using System.CommandLine;
using System.Text.Json;
using NetBird.Agent.Diagnosis;

namespace NetBird.Agent.Cli;

/// <summary><c>doctor</c>: every link from the endpoint to the provider.</summary>
internal static class DoctorCommand
{
    /// <summary>After the mark and the link's name.</summary>
    private const int DetailColumn = 21;

    public static Command Build()
    {
        var json = CommonOptions.Json();
        var command = new Command("doctor", "Check every link from the endpoint to the provider, and say what mends the one that is broken. Exit code 1 when one is.") { json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var checks = await new Examination(StateDirOf.Parse(parsed)).RunAsync(cancellationToken).ConfigureAwait(false);
            if (parsed.GetValue(json))
            {
                Terminal.Result.WriteLine(JsonSerializer.Serialize(checks, DiagnosisJson.Default.IReadOnlyListCheck));
            }
            else
            {
                foreach (var check in checks)
                {
                    Show(check);
                }
            }

            return checks.Any(check => check.Result == "fail") ? ExitCode.Failed : ExitCode.Done;
        });
        return command;
    }

    private static void Show(Check check)
    {
        var mark = check.Result switch
        {
            "pass" => Terminal.Paint.Good("pass"),
            "fail" => Terminal.Paint.Bad("FAIL"),
            _ => Terminal.Paint.Faint("skip"),
        };
        Terminal.Result.WriteLine(Fitted.ToTerminal($"{mark}  {check.Link,-14} {check.Detail}", DetailColumn));
        if (check.Mend.Length != 0)
        {
            Terminal.Result.WriteLine(Fitted.ToTerminal($"      {"",-14} -> {check.Mend}", DetailColumn + 3));
        }
    }
}
