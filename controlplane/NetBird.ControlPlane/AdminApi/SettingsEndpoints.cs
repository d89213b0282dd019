using NetBird.ControlPlane.Account;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/agent-network/settings</c>.</summary>
internal static class SettingsEndpoints
{
    public static void MapSettings(this IEndpointRouteBuilder api)
    {
        var settings = api.MapGroup("/agent-network/settings").WithTags("Settings");
        settings.MapGet("", (IConfigurationStore store) => Paging.Json(SettingsAnswer.Of(store.Current.Settings)))
            .ForAuditors().Produces<SettingsAnswer>();
        settings.MapPut("", ReplaceAsync).ForAdmins()
            .Takes((form, _, _) => SettingsForm.Read(form, new())).Produces<SettingsAnswer>();
    }

    private static Task<IResult> ReplaceAsync(HttpContext http, Commits commits)
        => commits.RunAsync(http, (draft, form) =>
        {
            var settings = SettingsForm.Read(form, draft.Settings.Find(SettingsId.Account) ?? new());
            draft.Settings.Put(settings);
            return Paging.Json(SettingsAnswer.Of(settings));
        });
}
