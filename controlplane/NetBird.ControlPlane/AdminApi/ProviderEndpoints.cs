using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/agent-network/providers</c> and the catalogue. Keys go in and never come out.</summary>
internal static class ProviderEndpoints
{
    private const string What = "provider";

    private static readonly Uri NoUpstream = new("http://unset.invalid");

    public static void MapProviders(this IEndpointRouteBuilder api)
    {
        api.MapGet("/agent-network/catalog/providers", (HttpContext http) => Paging.Array(
                http, ProviderCatalogue.All.Where(entry => Search.Matches(http, entry.Name, entry.Id)).ToList()))
            .WithTags("Providers").ForEveryone().Lists(QueryParameter.ByName, QueryParameter.BySearch).Produces<CatalogueEntry[]>();
        var providers = api.MapGroup("/agent-network/providers").WithTags("Providers");
        providers.MapGet("", List).ForAuditors().Lists(QueryParameter.ByName, QueryParameter.BySearch).Produces<ProviderAnswer[]>();
        providers.MapPost("", CreateAsync).ForAdmins()
            .Takes((form, references, services) => services.GetRequiredService<ProviderForm>().Read(form, references, New(default))).Produces<ProviderAnswer>();
        providers.MapGet("/{id}", Get).ForAuditors().Produces<ProviderAnswer>();
        providers.MapPut("/{id}", ReplaceAsync).ForAdmins()
            .Takes((form, references, services) => services.GetRequiredService<ProviderForm>().Read(
                form, references, New(default) with { Name = "-", Kind = ProviderCatalogue.Anthropic })).Produces<ProviderAnswer>();
        providers.MapDelete("/{id}", DeleteAsync).ForAdmins().Produces(200);
        providers.MapPost("/{id}/test", TestAsync).ForAdmins().Produces<ProviderTestAnswer>();
        providers.MapPost("/{id}/keys", AddKeyAsync).ForAdmins()
            .Takes((form, _, _) => ReadKey(form)).Produces<ProviderAnswer>();
        providers.MapDelete("/{id}/keys/{key}", DeleteKeyAsync).ForAdmins().Produces<ProviderAnswer>();
    }

    private static IResult List(HttpContext http, IConfigurationStore store, ProviderKeys keys, SampleProvider sample)
        => Paging.Array(http, store.Current.Providers.Values.Where(provider => Search.Matches(http, provider.Name, provider.Kind))
            .OrderBy(provider => provider.CreatedAt).ThenBy(provider => provider.Id)
            .Select(provider => ProviderAnswer.Of(provider, keys, sample.UpstreamOf(provider))).ToList());

    private static IResult Get(string id, IConfigurationStore store, ProviderKeys keys, SampleProvider sample)
        => Find(id, store) is { } provider
            ? Paging.Json(ProviderAnswer.Of(provider, keys, sample.UpstreamOf(provider)))
            : Problems.NotFound(What);

    private static Task<IResult> CreateAsync(
        HttpContext http, Commits commits, ProviderForm forms, ProviderKeys keys, SampleProvider sample, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            var now = time.GetUtcNow();
            var provider = forms.Read(form, new(draft, byName: false), New(now));
            if (provider.Keys.IsEmpty && ProviderCatalogue.Find(provider.Kind) is { NeedsKey: true } && form.IsValid)
            {
                form.Fail("api_key", "This kind of provider needs a key.");
            }

            draft.Providers.Put(provider);
            return Paging.Json(ProviderAnswer.Of(provider, keys, sample.UpstreamOf(provider)));
        });

    private static Task<IResult> ReplaceAsync(
        string id, HttpContext http, Commits commits, ProviderForm forms, ProviderKeys keys, SampleProvider sample, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            if (!ProviderId.TryParse(id, out var key) || !draft.Providers.TryGet(key, out var existing))
            {
                return Problems.NotFound(What);
            }

            var provider = forms.Read(form, new(draft, byName: false), existing) with { ModifiedAt = time.GetUtcNow() };
            draft.Providers.Put(provider);
            return Paging.Json(ProviderAnswer.Of(provider, keys, sample.UpstreamOf(provider)));
        });

    private static Task<IResult> DeleteAsync(string id, HttpContext http, Commits commits)
        => commits.RunAsync(http, draft =>
        {
            if (!ProviderId.TryParse(id, out var key) || !draft.Providers.Contains(key))
            {
                return Problems.NotFound(What);
            }

            if (draft.Policies.All.FirstOrDefault(policy => policy.Providers.Contains(key)) is { } user)
            {
                return Problems.Conflict($"The policy '{user.Name}' names this provider. Take it out there first, or disable the provider.");
            }

            draft.Providers.Remove(key);
            return Deleted.Answer;
        });

    private static async Task<IResult> TestAsync(string id, HttpContext http, IConfigurationStore store, ProviderTest test)
    {
        if (Find(id, store) is not { } provider)
        {
            return Problems.NotFound(What);
        }

        var answer = await test.RunAsync(provider, http.RequestAborted);
        await store.CommitAsync(
            http.Caller().Actor,
            draft =>
            {
                draft.Note(new(AuditActions.ProviderTest, What, provider.Id.Value, provider.Name, answer.Message));
                return true;
            },
            http.RequestAborted);
        return Paging.Json(answer);
    }

    private static Task<IResult> AddKeyAsync(
        string id, HttpContext http, Commits commits, ProviderForm forms, ProviderKeys keys, SampleProvider sample, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            if (!ProviderId.TryParse(id, out var key) || !draft.Providers.TryGet(key, out var existing))
            {
                return Problems.NotFound(What);
            }

            var (name, secret) = ReadKey(form);
            if (ProviderCatalogue.Find(existing.Kind) is { NeedsKey: false })
            {
                form.Fail("api_key", "The sample provider makes its own key.");
            }
            else if (secret.Length > 0 && ProviderForm.Objection(secret) is { } objection)
            {
                form.Fail("api_key", objection);
            }

            if (!form.IsValid)
            {
                return Problems.Invalid(form.Errors);
            }

            if (forms.Seal(name, secret, existing.Keys) is not { } added)
            {
                return Problems.Conflict("The provider has this key already.");
            }

            var provider = existing with { Keys = existing.Keys.Add(added), ModifiedAt = time.GetUtcNow() };
            draft.Providers.Put(provider);
            return Paging.Json(ProviderAnswer.Of(provider, keys, sample.UpstreamOf(provider)));
        });

    private static Task<IResult> DeleteKeyAsync(
        string id, string key, HttpContext http, Commits commits, ProviderKeys keys, SampleProvider sample, TimeProvider time)
        => commits.RunAsync(http, draft =>
        {
            if (!ProviderId.TryParse(id, out var known) || !draft.Providers.TryGet(known, out var existing)
                || existing.Keys.FirstOrDefault(candidate => candidate.Id == key) is not { } found)
            {
                return Problems.NotFound("key");
            }

            if (existing.Keys.Length == 1)
            {
                return Problems.Conflict("This is the provider's last key. Add another one first, or disable the provider.");
            }

            var provider = existing with { Keys = existing.Keys.Remove(found), ModifiedAt = time.GetUtcNow() };
            draft.Providers.Put(provider);
            return Paging.Json(ProviderAnswer.Of(provider, keys, sample.UpstreamOf(provider)));
        });

    private static Provider New(DateTimeOffset now) => new()
    {
        Id = ProviderId.New(), Name = "", Kind = "", Upstream = NoUpstream, Enabled = true, CreatedAt = now, ModifiedAt = now,
    };

    private static (string Name, string Secret) ReadKey(Form form)
    {
        form.Require("api_key");
        var key = (form.Name("name", null), form.Text("api_key", "", maxLength: 4096));
        form.RefuseUnknown();
        return key;
    }

    private static Provider? Find(string id, IConfigurationStore store)
        => ProviderId.TryParse(id, out var key) ? store.Current.Providers.GetValueOrDefault(key) : null;
}
